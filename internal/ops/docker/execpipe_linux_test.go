package docker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

func TestAPipeIntoAContainerCarriesAllOfIt(t *testing.T) {
	t.Parallel()
	a, id := one(t, realparts.Docker(t), nil, nil)
	sent := make([]byte, 30<<20)
	rand.New(rand.NewSource(1)).Read(sent)
	sum := fmt.Sprintf("%d %x <nil>\n", len(sent), sha256.Sum256(sent))
	const size = 30<<20 + 77
	var want bytes.Buffer
	if code, err := a.Exec(t.Context(), id, []string{"/app", "give", "", fmt.Sprint(size)}, nil, &want, nil); err != nil || code != 0 || want.Len() != size {
		t.Fatalf("code %d, %v, %d bytes", code, err, want.Len())
	}
	// What it was called with: a file, or none.
	line := func(names *[]string, before, after []string) func(string) []string {
		return func(file string) []string {
			*names = append(*names, file)
			return append(append(append([]string{"/app"}, before...), file), after...)
		}
	}
	piped := func(t *testing.T, names []string, more ...string) {
		t.Helper()
		if len(names) != 1+len(more) || !strings.HasPrefix(names[0], "/dev/shm/") || len(more) > 0 && names[1] != "" {
			t.Errorf("it was called with %q", names)
		}
		if left := a.pipes(id); len(left) > 0 {
			t.Errorf("left is %v", left)
		}
	}
	t.Run("out", func(t *testing.T) {
		var names []string
		var out, said bytes.Buffer
		code, err := a.ExecOut(t.Context(), id, line(&names, []string{"give"}, []string{fmt.Sprint(size)}), &out, &said)
		if err != nil || code != 0 || !bytes.Equal(out.Bytes(), want.Bytes()) || said.Len() > 0 {
			t.Errorf("code %d, %v, %d bytes, %q", code, err, out.Len(), said.String())
		}
		piped(t, names)
	})
	t.Run("in", func(t *testing.T) {
		var names []string
		var said bytes.Buffer
		code, err := a.ExecIn(t.Context(), id, line(&names, []string{"take"}, nil), bytes.NewReader(sent), &said)
		if err != nil || code != 0 || said.String() != sum {
			t.Errorf("code %d, %v, %q, want %q", code, err, said.String(), sum)
		}
		piped(t, names)
	})
	t.Run("a few bytes in", func(t *testing.T) {
		for _, text := range []string{"", "x"} {
			var said bytes.Buffer
			code, err := a.ExecIn(t.Context(), id, line(new([]string), []string{"take"}, nil), strings.NewReader(text), &said)
			if want := fmt.Sprintf("%d %x <nil>\n", len(text), sha256.Sum256([]byte(text))); err != nil || code != 0 || said.String() != want {
				t.Errorf("%q: code %d, %v, %q", text, code, err, said.String())
			}
		}
	})
	t.Run("a program that takes no file gets the usual way, and all of it", func(t *testing.T) {
		var names []string
		var out, said bytes.Buffer
		code, err := a.ExecOut(t.Context(), id, line(&names, []string{"refuse"}, []string{"give", "", fmt.Sprint(size)}), &out, &said)
		if err != nil || code != 0 || !bytes.Equal(out.Bytes(), want.Bytes()) || said.Len() > 0 {
			t.Errorf("out: code %d, %v, %d bytes, %q", code, err, out.Len(), said.String())
		}
		piped(t, names, "")
		names = nil
		code, err = a.ExecIn(t.Context(), id, line(&names, []string{"refuse"}, []string{"take", ""}), bytes.NewReader(sent), &said)
		if err != nil || code != 0 || said.String() != sum {
			t.Errorf("in: code %d, %v, %q, want %q", code, err, said.String(), sum)
		}
		piped(t, names, "")
	})
	t.Run("a program that fails says why", func(t *testing.T) {
		var said bytes.Buffer
		code, err := a.ExecIn(t.Context(), id, func(string) []string { return []string{"/app", "exit", "7"} }, bytes.NewReader(sent), &said)
		if err != nil || code != 7 || !strings.Contains(said.String(), "ends with 7") {
			t.Errorf("code %d, %v, %q", code, err, said.String())
		}
	})
}

func TestAPipeThatBreaksEndsItsProgram(t *testing.T) {
	t.Parallel()
	a, id := one(t, realparts.Docker(t), nil, nil)
	endless := func(file string) []string { return []string{"/app", "give", file, fmt.Sprint(1 << 40)} }
	refusal := errors.New("the disk is full")
	clean := func(what string) {
		t.Helper()
		if left := a.pipes(id); len(left) > 0 {
			t.Errorf("%s: left is %v", what, left)
		}
	}
	if _, err := a.ExecOut(t.Context(), id, endless, refusing{refusal}, io.Discard); !errors.Is(err, refusal) {
		t.Errorf("the writer refuses: %v", err)
	}
	clean("the writer refuses")
	ctx, stop := context.WithCancel(t.Context())
	if _, err := a.ExecOut(ctx, id, endless, after{stop}, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("it is broken off: %v", err)
	}
	clean("it is broken off")
	in := io.MultiReader(strings.NewReader(strings.Repeat("x", 3<<20)), iotest.ErrReader(refusal))
	if _, err := a.ExecIn(t.Context(), id, func(file string) []string { return []string{"/app", "take", file} }, in, io.Discard); !errors.Is(err, refusal) {
		t.Errorf("the input breaks: %v", err)
	}
	clean("the input breaks")
}

func TestAProgramThatWaitsForADeadProcessIsLetGo(t *testing.T) {
	t.Parallel()
	a, id := one(t, realparts.Docker(t), nil, nil)
	p, err := a.openPipe(id)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if err := errors.Join(p.r.Close(), p.w.Close()); err != nil { // as the kernel does
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := a.Exec(t.Context(), id, []string{"/app", "take", p.name}, nil, nil, nil)
		ended <- err
	}()
	until(t, "it is let go", func() bool {
		if _, err := a.ExecOut(t.Context(), id, func(file string) []string { return []string{"/app", "give", file, "1"} }, io.Discard, io.Discard); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			return true
		default:
			return false
		}
	})
}

// after stops something once there is something.
type after struct{ stop func() }

func (a after) Write(b []byte) (int, error) { a.stop(); return len(b), nil }

// pipes lists the pipes that lie in a container.
func (a *application) pipes(id string) (out []string) {
	a.t.Helper()
	root, err := rootOf(id)
	if err != nil {
		a.t.Fatal(err)
	}
	defer root.Close()
	d, err := root.Open(pipeDir)
	if err != nil {
		a.t.Fatal(err)
	}
	defer d.Close()
	found, err := d.ReadDir(-1)
	if err != nil {
		a.t.Fatal(err)
	}
	for _, x := range found {
		if strings.HasPrefix(x.Name(), pipePrefix) {
			out = append(out, x.Name())
		}
	}
	return out
}
