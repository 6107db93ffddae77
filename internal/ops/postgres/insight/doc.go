// Package insight tells what goes on in the application's PostgreSQL and changes nothing: how large it is, which statements cost its time, which
// indexes nobody uses, who is connected, and who waits for whom.
//
// It promises that what could not be seen is said and never shown as zero: an extension, a right or a column that is missing, a table that is
// locked, statistics that are too young. Each look runs in a transaction that may not write, with a deadline that the server keeps as well, and
// waits for no lock longer than a moment. Columns that changed their names are looked up in the catalog.
//
// The text of a statement is hostile and may hold people's data: its literals and comments are taken out before anything else sees it, and its
// secrets hidden.
package insight
