package maintain

import (
	"os"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

func TestMain(m *testing.M) { os.Exit(realparts.Main(m)) }
