package backup

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os/exec"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// mixed gives so many bytes, half of which repeat.
func mixed(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	out := make([]byte, n)
	for i := range out {
		out[i] = "what a note says"[i%16]
		if i/64%2 == 0 {
			out[i] = byte(r.Uint32())
		}
	}
	return out
}

func TestFramesReadBackAsOneStream(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, frameSize - 1, frameSize, frameSize + 1, 9*frameSize + 77} {
		var stored bytes.Buffer
		f, err := newFrames(&stored)
		if err != nil {
			t.Fatal(err)
		}
		want := mixed(n)
		for rest := want; len(rest) > 0; { // in pieces that do not fit the frames
			k := min(len(rest), 31_111)
			if wrote, err := f.Write(rest[:k]); wrote != k || err != nil {
				t.Fatalf("%d bytes: wrote %d of %d: %v", n, wrote, k, err)
			}
			rest = rest[k:]
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if stored.Len() == 0 {
			t.Errorf("%d bytes: not even an empty frame was written", n)
		}
		r, err := zstd.NewReader(bytes.NewReader(stored.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		r.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back as %d: %v", n, len(got), err)
		}
		cmd := exec.CommandContext(t.Context(), realparts.Require(t, "zstd"), "-dc")
		cmd.Stdin = &stored
		if got, err = cmd.Output(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back from the zstd program as %d: %v", n, len(got), err)
		}
	}
}

// full is a disk that takes so many bytes.
type full struct{ left int }

var errFull = errors.New("no space left")

func (f *full) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestFramesTellOfADiskThatIsFull(t *testing.T) {
	t.Parallel()
	f, err := newFrames(&full{left: frameSize})
	if err != nil {
		t.Fatal(err)
	}
	b := mixed(frameSize)
	for range 1000 {
		if _, err = f.Write(b); err != nil {
			break
		}
	}
	if !errors.Is(err, errFull) {
		t.Errorf("after a thousand frames writing says %v", err)
	}
	if err := f.Close(); !errors.Is(err, errFull) {
		t.Errorf("closing says %v", err)
	}
	if _, err := f.Write(b); !errors.Is(err, errFramesClosed) {
		t.Errorf("writing after the end says %v", err)
	}
	if err := f.Close(); !errors.Is(err, errFull) {
		t.Errorf("closing again says %v", err)
	}
}
