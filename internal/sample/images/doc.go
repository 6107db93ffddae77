// Package images makes the images of the sample application (examples/ai-notebook) with the Docker engine that is there: PostgreSQL,
// redis and nginx of what is installed on this machine, else of an image that the engine has or a registry gives; backend and
// frontend of a program that the caller names. Nothing that exists is changed but images of the names that it makes.
package images
