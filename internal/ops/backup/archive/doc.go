// Package archive puts files below a folder into a tar archive and takes them out again, with owners, modes, times and symbolic
// links. What is taken out may come from anywhere: a name or a link that leaves the folder, and whatever is neither file, folder nor
// link, is refused. Memory does not grow with what is archived.
package archive
