package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/minio/minio-go/v7"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// ProveFar reads the copy of a set in the second place to its last byte, as Prove reads one here: nothing is stored. It tells nothing of a set
// that lies here. An error says that it could not be tried.
func (s *Sets) ProveFar(ctx context.Context, id string, progress func(done, total int64)) (Proof, error) {
	began := s.now()
	p := Proof{Set: id, Good: true}
	m, _, err := s.far(ctx, id)
	if problem, ok := errors.AsType[*ops.Problem](err); ok && problem.Code == "backup_far_broken" {
		return Proof{Set: id, At: began, Why: problem.Text}, nil
	}
	if err != nil {
		return p, err
	}
	keys, err := s.identities()
	if err != nil {
		return p, err
	}
	done := int64(0)
	for _, part := range m.stored() {
		tell := func(n int64) {
			if progress != nil {
				progress(done+n, m.Size())
			}
		}
		x, err := s.readBack(ctx, part, keys, tell, func() (io.ReadCloser, error) { return s.remote.open(ctx, id, part) })
		if err != nil {
			return p, fmt.Errorf("read %s of %s in the second place: %w", part.Name, id, err)
		}
		done += part.Size
		p.Parts = append(p.Parts, x)
		if x.State == PartDamaged { // what nothing here opens was compared byte by byte, and is said
			p.Good, p.Why = false, cmp.Or(p.Why, part.Name+": "+x.Why)
		}
	}
	for _, base := range m.Chain {
		b, _, err := s.far(ctx, base)
		why := ""
		switch problem, ok := errors.AsType[*ops.Problem](err); {
		case ok && problem.Code == "backup_unknown":
			why = "it builds on " + base + ", which is not there"
		case ok && problem.Code == "backup_far_broken":
			why = "it builds on " + base + ": " + problem.Text
		case err != nil:
			return p, err
		case !b.hasFiles():
			why = "the files of " + base + ", which it builds on, are not there"
		}
		if why != "" {
			p.Good, p.Why = false, cmp.Or(p.Why, why)
		}
	}
	p.At, p.Took = s.now(), s.now().Sub(began).Milliseconds()
	return p, nil
}

// open reads an object of a set from its beginning. That it is not there is fs.ErrNotExist.
func (r *Remote) open(ctx context.Context, id string, p Part) (io.ReadCloser, error) {
	body, _, _, err := (&minio.Core{Client: r.s3}).GetObject(ctx, r.cfg.Bucket, r.key(id, p.Name), minio.GetObjectOptions{})
	if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		return nil, fmt.Errorf("%s: %w", p.Name, fs.ErrNotExist)
	}
	if err != nil {
		return nil, r.problem(err)
	}
	return body, nil
}

// verifyFarStep reads the copy of a set back.
type verifyFarStep struct{ *Sets }

func (s verifyFarStep) Do(ctx context.Context, r *ops.Run) error {
	p, err := s.ProveFar(ctx, r.Subject(), bytesOf(r))
	if err != nil {
		return err
	}
	if !p.Good {
		return notProven(p)
	}
	return r.Record(ctx, p)
}

// Look lets it be read once more.
func (verifyFarStep) Look(context.Context, *ops.Run) (ops.Seen, error) { return ops.SeenNotDone, nil }

func (verifyFarStep) Undo(ctx context.Context, r *ops.Run) error { return noUndo{}.Undo(ctx, r) }
