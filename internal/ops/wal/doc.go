// Package wal keeps an archive from which the application's database can be brought back to any moment: PostgreSQL's own pg_receivewal
// writes the server's log into a folder as it comes into being, its own pg_basebackup copies the whole cluster each day, and a copy
// replays the log up to the moment that is asked for.
//
// The receiver runs in a container of the bot's own, of the server's image, so that it is always of the server's version; it goes on
// while the bot is away. A Keeper sees to it that it runs, puts what is finished away (compressed, and encrypted where backups are), takes
// the copies, and tells people when the log stands still. A replication slot keeps the server from throwing away what has not come yet;
// where that would fill the server's disk, the slot goes and not the database, and people hear of the gap.
//
// What can be come back to is only what is proven: a moment counts as archived once a transaction that was committed after it lies in the folder, a
// copy once all of it was read back, and a gap in the log ends what its copy is good for.
package wal
