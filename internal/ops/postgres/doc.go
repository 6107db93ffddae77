// Package postgres works on the application's PostgreSQL where it runs: with the programs of its own container, through exec. Nothing
// of it needs an address, a password or a client of the right version outside.
//
// A dump comes with the number of rows of every table as its own snapshot saw them, so that what is restored can be compared
// row for row. A dump is restored into a new database beside the live one; Swap then exchanges the two by renaming both in one
// transaction, during which who connects waits a moment and is not refused. The old database is kept under another name, and the
// same exchange puts it back.
//
// Statements are constants. What varies is given to psql as variables, which psql quotes itself, and names of databases are checked first.
package postgres
