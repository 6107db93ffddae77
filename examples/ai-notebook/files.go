// Package ainotebook is the sample application's files: what the operations guide describes, small enough for any machine.
package ainotebook

import "embed"

// Files are what an operator has in the folder of the application.
//
//go:embed docker-compose.yml .env.example nginx postgres backend/Dockerfile
var Files embed.FS
