package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup/archive"
	"github.com/ai-notebook/notebookbot/internal/ops/durable"
)

// Send copies a proven set to the second place, and first those that it builds on and that are not there yet: alone it could not be
// restored. Each part is read back and compared, and the manifest goes last. Secrets that are not encrypted never go. It may be done again.
func (s *Sets) Send(ctx context.Context, id string, progress func(done, total int64)) (Upload, error) {
	if s.remote == nil {
		return Upload{}, &ops.Problem{Code: "backup_no_s3"}
	}
	set, err := s.Find(id)
	if err != nil {
		return Upload{}, err
	}
	var sets []*Set
	total := int64(0)
	for _, id := range set.Chain {
		base, err := s.Find(id)
		if err != nil {
			return Upload{}, err
		}
		if s.sent(base) {
			continue
		}
		sets, total = append(sets, base), total+2*base.Size()
	}
	sets, total = append(sets, set), total+2*set.Size() // there and back
	var up Upload
	done := int64(0)
	for _, set := range sets {
		up, err = s.send(ctx, set, func(n int64) {
			if progress != nil {
				progress(done+n, total)
			}
		})
		if err != nil {
			return up, err
		}
		done += 2 * set.Size()
	}
	return up, nil
}

// sent tells whether it is known that a copy of a set lies in the second place as it is configured.
func (s *Sets) sent(set *Set) bool {
	u := set.Upload
	return u.Set == set.ID && u.Bucket == s.remote.cfg.Bucket && u.Prefix == s.remote.cfg.Prefix
}

func (s *Sets) send(ctx context.Context, set *Set, progress func(n int64)) (Upload, error) {
	r, id := s.remote, set.ID
	if !set.Proven() {
		return Upload{}, &ops.Problem{Code: "backup_not_proven", Name: id, Text: set.Proof.Why + set.Broken}
	}
	up := Upload{Set: id, Bucket: r.cfg.Bucket, Prefix: r.cfg.Prefix}
	began := s.now()
	var done int64
	tell := func(n int64) { progress(done + n) }
	sent := set.Manifest
	sent.Parts = nil
	for _, p := range set.Parts {
		if p.Part == PartSecrets && !p.Encrypted {
			up.Kept = append(up.Kept, p.Name)
			continue
		}
		if err := s.sendPart(ctx, id, p, tell); err != nil {
			return up, r.problem(fmt.Errorf("%s: %w", p.Name, err))
		}
		done += 2 * p.Size
		up.Bytes += p.Size
		sent.Parts = append(sent.Parts, p)
	}
	if !slices.ContainsFunc(sent.Parts, func(p Part) bool { return p.Name == sent.Index.Name }) {
		sent.Index = Part{} // it stays here, in plain
	}
	b, err := json.MarshalIndent(sent, "", "  ")
	if err != nil {
		return up, err
	}
	if err := r.sendBytes(ctx, r.key(id, manifestName), b); err != nil {
		return up, r.problem(fmt.Errorf("%s: %w", manifestName, err))
	}
	up.At, up.Took = s.now(), s.now().Sub(began).Milliseconds()
	return up, durable.WriteJSON(s.path(id, uploadName), up)
}

func (s *Sets) sendPart(ctx context.Context, id string, p Part, tell func(n int64)) error {
	r := s.remote
	f, err := openStored(s.path(id), p)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // It was only read.
	if err := r.abandon(ctx, r.key(id, p.Name), time.Time{}); err != nil {
		s.log.WarnContext(ctx, "clearing away an upload that was broken off", "set", id, "part", p.Name, "err", err)
	}
	if err := r.put(ctx, r.key(id, p.Name), io.TeeReader(archive.During(ctx, f), meter(io.Discard, tell)), p.Size); err != nil {
		return err
	}
	got, n, err := r.sum(ctx, r.key(id, p.Name), func(n int64) { tell(p.Size + n) })
	if err != nil {
		return fmt.Errorf("read it back: %w", err)
	}
	if got != p.SHA256 || n != p.Size {
		return errCopy
	}
	return nil
}

func (r *Remote) sendBytes(ctx context.Context, key string, b []byte) error {
	if err := r.put(ctx, key, bytes.NewReader(b), int64(len(b))); err != nil {
		return err
	}
	got, _, err := r.sum(ctx, key, nil)
	if err != nil {
		return fmt.Errorf("read it back: %w", err)
	}
	if got != sumOf(b) {
		return errCopy
	}
	return nil
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// abandon clears away uploads of big parts that were broken off: their pieces take room and cost, and no listing of sets shows them. Which: of a
// key or of all keys below it, begun before a moment; the zero time is now. Other people's uploads in the same bucket stay.
func (r *Remote) abandon(ctx context.Context, prefix string, before time.Time) error {
	keys := map[string]bool{}
	for u := range r.s3.ListIncompleteUploads(ctx, r.cfg.Bucket, prefix, true) {
		if u.Err != nil {
			return u.Err
		}
		if r.ours(u.Key) && (before.IsZero() || u.Initiated.Before(before)) {
			keys[u.Key] = true
		}
	}
	var errs []error
	for key := range keys {
		errs = append(errs, r.s3.RemoveIncompleteUpload(ctx, r.cfg.Bucket, key))
	}
	return errors.Join(errs...)
}

// ours tells whether an object has the name of a part of a set.
func (r *Remote) ours(key string) bool {
	id, name := path.Split(key)
	return path.Dir(path.Clean(id)) == path.Clean(r.cfg.Prefix) && idPattern.MatchString(path.Base(id)) && partName.MatchString(name)
}

// brokenAfter is when an upload is taken for broken off: no step that sends lasts so long.
const brokenAfter = 2 * farStep

// Tidy clears away what uploads that died have left in the second place, of whichever set.
func (s *Sets) Tidy(ctx context.Context) error {
	return s.remote.abandon(ctx, strings.TrimSuffix(s.remote.key("x", ""), "x"), s.now().Add(-brokenAfter))
}
