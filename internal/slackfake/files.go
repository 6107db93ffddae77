package slackfake

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// File is an uploaded file as a message shows it.
type File struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Title string `json:"title"`
	Size  int    `json:"size"`
}

type file struct {
	File
	length int
	data   []byte
	sent   bool
	shared bool
}

const maxSnippet = 1 << 20

func (s *Server) filesGetUploadURL(c *call) (map[string]any, *refusal) {
	length, ok := c.number("length", -1)
	switch {
	case c.text("filename") == "":
		return nil, faulty("invalid_arguments", "missing required field: filename")
	case !ok || length <= 0:
		return nil, faulty("invalid_arguments", "length must be more than 0")
	case c.text("snippet_type") != "" && length > maxSnippet:
		return nil, faulty("snippet_too_large")
	case utf8.RuneCountInString(c.text("alt_txt")) > 1000:
		return nil, faulty("invalid_arguments", "alt_txt must be less than 1001 characters")
	}
	f := &file{File: File{ID: s.id("F"), Name: c.text("filename"), Title: c.text("filename"), Size: length}, length: length}
	s.files[f.ID] = f
	return map[string]any{"upload_url": "http://" + s.addr + "/upload/" + f.ID, "file_id": f.ID}, nil
}

// serveUpload takes the bytes of a file, as they are or as a form's part.
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request, id string) {
	rec := s.begin("upload", args{m: map[string]any{"file": id}})
	f := s.takeFault("upload", "")
	if s.before(w, r, rec, f) {
		return
	}
	data, err := uploaded(r)
	var no *refusal
	s.mu.Lock()
	it := s.files[id]
	switch {
	case it == nil || it.sent:
		no = &refusal{code: "file_not_found", blame: true, status: http.StatusNotFound}
	case err != nil:
		no = &refusal{code: "invalid_form_data", blame: true, messages: []string{err.Error()}, status: http.StatusBadRequest}
	case len(data) != it.length:
		no = &refusal{
			code: "upload_failed", blame: true, status: http.StatusBadRequest,
			messages: []string{fmt.Sprintf("%d bytes came, %d were announced", len(data), it.length)},
		}
	default:
		it.data, it.sent = data, true
	}
	s.mu.Unlock()
	rec.done(s, no == nil)
	if s.after(w, rec, f) {
		return
	}
	if no != nil {
		s.answer(w, rec, args{}, nil, no)
		return
	}
	rec.end(s, http.StatusOK, nil)
	_, _ = io.WriteString(w, "OK")
}

func uploaded(r *http.Request) ([]byte, error) {
	body := io.LimitReader(r.Body, maxBody)
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		parts, err := r.MultipartReader()
		if err != nil {
			return nil, fmt.Errorf("upload: %w", err)
		}
		for {
			part, err := parts.NextPart()
			if err != nil {
				return nil, fmt.Errorf("upload without a part called file: %w", err)
			}
			if part.FormName() == "file" || part.FormName() == "filename" {
				body = io.LimitReader(part, maxBody)
				break
			}
		}
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("upload: %w", err)
	}
	return data, nil
}

func (s *Server) filesCompleteUpload(c *call) (map[string]any, *refusal) {
	list, present, err := c.objects("files")
	if err != nil || !present || len(list) == 0 {
		return nil, faulty("invalid_arguments", "files is needed")
	}
	var done []File
	for _, l := range list {
		f := s.files[str(l["id"])]
		if f == nil || !f.sent || f.shared {
			return nil, faulty("file_not_found", str(l["id"]))
		}
		if t := str(l["title"]); t != "" {
			f.Title = t
		}
		done = append(done, f.File)
	}
	id := c.text("channel_id")
	if id == "" {
		id = c.text("channels")
	}
	if strings.Contains(id, ",") {
		return nil, faulty("invalid_arguments", "this workspace shares a file into one channel")
	}
	if id != "" {
		c.m["channel"] = id
		if no := s.share(c, done); no != nil {
			return nil, no
		}
	}
	shapes := make([]map[string]any, len(done))
	for i, f := range done {
		s.files[f.ID].shared = true
		shapes[i] = map[string]any{"id": f.ID, "title": f.Title}
	}
	return map[string]any{"files": shapes}, nil
}

// share posts files; the message may come later than the answer, as in the real thing.
func (s *Server) share(c *call, done []File) *refusal {
	ch, no := s.where(c)
	if no != nil {
		return no
	}
	body := content{text: clean(c.text("initial_comment"))}
	if body.text == "" {
		if body, no = s.readContent(c.args); no != nil {
			return no
		}
	}
	thread, no := s.threadFor(c, ch)
	if no != nil {
		return no
	}
	post := func() {
		m := s.own(body)
		m.Files, m.Thread = done, thread
		s.add(ch, m)
		s.announce(ch, m)
	}
	if s.cfg.Times.FileLag == 0 {
		post()
	} else {
		s.later(s.cfg.Times.FileLag, post)
	}
	return nil
}

// FileData is the content of a file that was uploaded; false when there is none.
func (s *Server) FileData(id string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[id]
	if f == nil || !f.sent {
		return nil, false
	}
	return f.data, true
}
