// Command backend is the sample application's program: its backend and, with the word frontend, its frontend. With the word check
// it is their healthcheck, with the word break it makes the server of its container misbehave.
package main

import (
	"fmt"
	"os"

	"github.com/ai-notebook/notebookbot/examples/ai-notebook/app"
)

func main() {
	if err := app.Run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
