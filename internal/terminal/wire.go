package terminal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// question is the one thing that is asked on a connection: words, or an operation to be watched.
type question struct {
	As    string `json:"as"`
	Text  string `json:"text,omitempty"`
	Watch int64  `json:"watch,omitempty"`
}

// reply is a line that comes back. The last one has End set; a connection that ends without it broke off.
type reply struct {
	Answer
	End   bool   `json:"end,omitempty"`
	Error string `json:"error,omitempty"`
}

const (
	maxQuestion = 64 << 10
	maxReply    = 4 << 20
)

// errQuestion says that what came is no question.
var errQuestion = errors.New("not one line of JSON that asks for something")

// errNothing says that nothing came at all.
var errNothing = errors.New("nothing came")

// readQuestion reads a question: one line of JSON, of known fields alone. What comes may be anything.
func readQuestion(r io.Reader) (question, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxQuestion)).ReadBytes('\n')
	if err != nil && len(line) == 0 {
		return question{}, fmt.Errorf("%w: %w: %w", errQuestion, errNothing, err)
	}
	if err != nil {
		return question{}, fmt.Errorf("%w: %w", errQuestion, err)
	}
	var q question
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		return question{}, fmt.Errorf("%w: %w", errQuestion, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return question{}, errQuestion
	}
	if q.Watch < 0 || q.Watch == 0 && q.As == "" {
		return question{}, errQuestion
	}
	return q, nil
}
