package backup

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/ai-notebook/notebookbot/internal/ops/backup/archive"
)

// indexed is a line of an index: one thing of the state that a set stands for, in the order of the archive.
type indexed struct {
	archive.Entry
	Hash  string        `json:"sha256,omitempty"` // of a file's content
	In    string        `json:"in,omitempty"`     // of a file: the set with its content
	Stamp archive.Stamp `json:"stamp,omitzero"`
	Gone  bool          `json:"gone,omitempty"` // it was in the base, and was deleted since: Path alone is set
}

// indexWriter writes an index, a line of JSON each.
type indexWriter struct {
	enc *json.Encoder
	n   int64
}

func newIndexWriter(w io.Writer) *indexWriter {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return &indexWriter{enc: enc}
}

func (w *indexWriter) add(e *indexed) error {
	w.n++
	return w.enc.Encode(e)
}

// indexReader reads an index line by line, so that its length does not matter.
type indexReader struct {
	dec  *json.Decoder
	last string
	at   indexed // the line it stands at; Path is empty at the end
	n    int64
}

func newIndexReader(r io.Reader) *indexReader {
	return &indexReader{dec: json.NewDecoder(bufio.NewReader(r))}
}

// next goes to the next line. Lines out of order, or with names that lead elsewhere, are refused.
func (r *indexReader) next() error {
	var e indexed
	err := r.dec.Decode(&e)
	if errors.Is(err, io.EOF) {
		r.at = indexed{}
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the index: %w", err)
	}
	if err := archive.CheckPath(e.Path); err != nil {
		return fmt.Errorf("read the index: %w", err)
	}
	if r.last != "" && !archive.Before(r.last, e.Path) {
		return fmt.Errorf("read the index: %w: %q stands after %q", ErrDamaged, e.Path, r.last)
	}
	r.last, r.at = e.Path, e
	r.n++
	return nil
}

// live goes to the next line that is not about something deleted.
func (r *indexReader) live() error {
	for {
		if err := r.next(); err != nil || !r.at.Gone {
			return err
		}
	}
}

// over tells whether there is nothing left.
func (r *indexReader) over() bool { return r.at.Path == "" }
