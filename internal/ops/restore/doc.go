// Package restore is the operation that puts a backup set back: the database, the files, the configuration, the secrets.
//
// Nothing is replaced before what replaces it is there and verified. A dump is filled into a new database and its rows are counted;
// files are taken out into a folder beside. Only then both are exchanged, in one step each, for what is live, which is kept: `restore
// undo OP-n` puts it back until its time is over.
//
// The promise it keeps: a set that is not whole never touches what is live, a crash at any instant leaves either the old or the new, and
// what was replaced can be put back.
package restore
