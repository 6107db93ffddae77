package main

// installed is what this build can do beyond reading and checking its configuration.
var installed = hooks{serve: serve, demo: demo}
