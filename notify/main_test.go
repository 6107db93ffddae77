package notify_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets more tests wait at the same time than there are processors: waiting is most of what they do.
func TestMain(m *testing.M) {
	flag.Parse()
	explicit := false
	flag.Visit(func(f *flag.Flag) { explicit = explicit || f.Name == "test.parallel" })
	if !explicit {
		if err := flag.Set("test.parallel", "8"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
