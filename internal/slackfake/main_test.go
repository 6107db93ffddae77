package slackfake_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
)

// TestMain sees that no workspace left anything running.
func TestMain(m *testing.M) {
	code := m.Run()
	buf := make([]byte, 1<<20)
	stacks := string(buf[:runtime.Stack(buf, true)])
	if strings.Contains(stacks, "slackfake.(*Server)") && code == 0 {
		fmt.Println("a closed workspace left goroutines:\n" + stacks)
		code = 1
	}
	os.Exit(code)
}
