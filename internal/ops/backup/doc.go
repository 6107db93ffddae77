// Package backup takes backup sets of the application, proves that they can be restored, and keeps as many as were promised.
//
// A set is a folder with the dump of the database, the files, the configuration and the secrets, each a part with its sha256. It is
// made under a name that ends in .partial and becomes a set by one rename, after its manifest was written last and all of it is on
// the disk. Each run holds a lock on its folder, so that what a dead run left can be told from what a living one is at. An
// incremental set has a dump of its own and only those files whose content is not in an earlier set of its chain; its index says
// for every file in which set its content is.
//
// A set counts once it is proven: every part was read back from the disk, decrypted, decompressed and read to its end, the dump by
// PostgreSQL's own pg_restore. The proof is kept beside the manifest. What cannot be proven says why.
//
// The promise it keeps: what looks like a set is whole, what is called proven was read, and nothing that a proven set needs is ever
// removed.
package backup
