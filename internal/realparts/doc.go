// Package realparts starts real programs for tests: PostgreSQL, Prometheus, Alertmanager, a Docker engine.
//
// A program is found on PATH or where Debian puts it. It runs on free loopback ports with its files in a folder of its own, as a
// user without rights where it refuses to run as root, and it ends with the test, or with the test's process when that dies.
//
// A part that is missing skips the test on a laptop and leaves a line in the file that NOTEBOOKBOT_SKIPPED names, so that a run
// can list what it did not try. With NOTEBOOKBOT_REQUIRE_REAL=1, as in CI, it fails the test instead: a test that is skipped
// everywhere shows nothing.
package realparts
