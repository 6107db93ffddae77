package slackfake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

const maxBody = 16 << 20

// args are the arguments of a call, from a form (strings), a query (strings) or JSON (anything).
type args struct {
	m       map[string]any
	json    bool
	charset bool
}

// readArgs reads the arguments and takes the token out of them.
func readArgs(r *http.Request) (a args, token string, err error) {
	a.m = map[string]any{}
	for k, v := range r.URL.Query() {
		a.m[k] = v[0]
	}
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return a, "", fmt.Errorf("reading the request: %w", err)
	}
	switch kind {
	case "application/json":
		a.json, a.charset = true, params["charset"] != ""
		// apps.connections.open comes with an empty body.
		if len(bytes.TrimSpace(body)) > 0 {
			v, err := decodeJSON(body)
			if err != nil {
				return a, "", err
			}
			m, ok := v.(map[string]any)
			if !ok {
				return a, "", errors.New("the body is no object")
			}
			maps.Copy(a.m, m)
		}
	case "application/x-www-form-urlencoded", "multipart/form-data":
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err := r.ParseMultipartForm(maxBody); err != nil && !errors.Is(err, http.ErrNotMultipart) { //nolint:gosec // The body is cut at maxBody.
			return a, "", fmt.Errorf("reading the form: %w", err)
		}
		for k, v := range r.PostForm {
			a.m[k] = v[0]
		}
	case "":
	default:
		return a, "", errors.New("content type " + kind)
	}
	token, _ = a.m["token"].(string)
	delete(a.m, "token")
	return a, token, nil
}

// decodeJSON decodes one value and nothing after it.
func decodeJSON(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("reading JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading JSON: something follows the value")
	}
	return v, nil
}

func (a args) has(key string) bool {
	v, ok := a.m[key]
	return ok && v != nil
}

func (a args) text(key string) string {
	switch v := a.m[key].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

func (a args) flag(key string) bool {
	switch strings.ToLower(a.text(key)) {
	case "true", "1", "yes":
		return true
	}
	return false
}

// number returns false when the argument is there and no number.
func (a args) number(key string, otherwise int) (int, bool) {
	if !a.has(key) || a.text(key) == "" {
		return otherwise, true
	}
	n, err := strconv.Atoi(a.text(key))
	return n, err == nil
}

// value decodes an argument that is JSON, whether it came inside JSON or as a string in a form.
func (a args) value(key string) (v any, present bool, err error) {
	raw, ok := a.m[key]
	if !ok || raw == nil {
		return nil, false, nil
	}
	text, ok := raw.(string)
	if !ok {
		return raw, true, nil
	}
	if strings.TrimSpace(text) == "" {
		return nil, false, nil
	}
	v, err = decodeJSON([]byte(text))
	if err != nil {
		return nil, true, err
	}
	return v, v != nil, nil
}

// objects decodes an argument that is a list of objects.
func (a args) objects(key string) (list []Block, present bool, err error) {
	v, present, err := a.value(key)
	if err != nil || !present {
		return nil, present, err
	}
	items, ok := v.([]any)
	if !ok {
		return nil, true, errors.New(key + " is no list")
	}
	list = make([]Block, 0, len(items))
	for _, it := range items {
		m, ok := it.(map[string]any)
		if !ok {
			return nil, true, errors.New(key + " holds something that is no object")
		}
		list = append(list, m)
	}
	return list, true, nil
}
