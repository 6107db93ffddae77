// Package sample runs the sample application of examples/ai-notebook on this machine's Docker engine, for whoever tries the bot: it
// makes the images, brings the application up, looks at it each second, breaks it on request, and removes all of it at the end.
//
// It never touches anything that it did not make: the project, the images, the folder and the port are its own. One that an earlier
// demo left is known by its folder; anything else of the same name is left alone, and the sample says why it does not start.
package sample
