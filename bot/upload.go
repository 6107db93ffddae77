package bot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mime/multipart"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/ai-notebook/notebookbot/notify"
	"github.com/ai-notebook/notebookbot/templates"
)

// upload posts a file in Slack's three steps: ask where to, send the bytes, share it. Nobody sees anything before the last, so
// only that one cannot be repeated: a lost answer to it is looked up by the file's name, since a shared file carries no metadata.
// The answer does not tell where the message stands.
func (b *Bot) upload(ctx context.Context, p notify.Post) (notify.Posted, error) {
	channel, err := b.conversation(ctx, p.Channel) // a file is shared into a channel, not with a person
	if err != nil {
		return notify.Posted{}, err
	}
	text := p.Message.File.Text
	if text == "" || len(text) > templates.MaxFile {
		return notify.Posted{}, &notify.SendError{Fate: notify.Permanent, Reason: "unsendable", Err: fmt.Errorf("a file of %d bytes", len(text))}
	}
	name := fileName(p.Message.File.Name, p.Key)
	a, err := b.web.do(ctx, call{
		method: "files.getUploadURLExternal", repeatable: true,
		form: url.Values{"filename": {name}, "length": {strconv.Itoa(len(text))}},
	})
	if err != nil {
		return notify.Posted{}, err
	}
	address, id := a.head.at("upload_url").text(), a.head.at("file_id").text()
	if address == "" || id == "" {
		return notify.Posted{}, failed("unreadable", true, true, nil)
	}
	body, contentType, err := multipartOf(name, text)
	if err != nil {
		return notify.Posted{}, &notify.SendError{Fate: notify.Permanent, Reason: "unsendable", Err: err}
	}
	if _, err := b.web.do(ctx, call{method: "upload", url: address, upload: body, contentType: contentType, repeatable: true}); err != nil {
		if permanent(err) { // an address works once and not for long: the next try gets another
			return notify.Posted{}, &notify.SendError{Fate: notify.Retry, Reason: "upload_failed", Err: err}
		}
		return notify.Posted{}, err
	}
	share := url.Values{
		"files": {encode([]map[string]string{{"id": id, "title": name}})}, "channel_id": {channel},
		"initial_comment": {escapeCut(oneLine(p.Message.Summary), maxFallback)},
	}
	if p.Thread != "" {
		share.Set("thread_ts", p.Thread)
	}
	if _, err := b.web.do(ctx, call{method: "files.completeUploadExternal", form: share}); err != nil {
		return notify.Posted{}, err
	}
	return notify.Posted{Channel: channel}, nil
}

// multipartOf is a form with the file as its one part.
func multipartOf(name, text string) (body []byte, contentType string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", name)
	if err == nil {
		_, err = part.Write([]byte(text))
	}
	if err == nil {
		err = w.Close()
	}
	return b.Bytes(), w.FormDataContentType(), err
}

var oddInName = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// fileName puts a mark of the message's key into a file's name: backend-0f3a9c21bb.log.
func fileName(name, key string) string {
	const most = 80
	name = strings.Trim(oddInName.ReplaceAllString(name, "-"), "-.")
	end := path.Ext(name)
	name = strings.TrimSuffix(name, end)
	return name[:min(len(name), most)] + "-" + tag(key) + end
}

// tag is a mark that no other key has.
func tag(key string) string {
	const enough = 8 // bytes
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:enough])
}

// tagged tells whether a file's name is that of the message with the key.
func tagged(name, key string) bool {
	return strings.HasSuffix(strings.TrimSuffix(name, path.Ext(name)), "-"+tag(key))
}
