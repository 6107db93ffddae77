package wal

import (
	"context"
	"errors"
	"time"
)

// Bases takes a copy of the cluster when one is due, removes what is past its time, and removes what dead operations have left.
func (k *Keeper) Bases(ctx context.Context) error {
	k.mu.Lock()
	ours, ready := k.lock != nil && k.lock.Locked(), k.ready
	k.mu.Unlock()
	if !ours {
		return nil
	}
	swept := k.Archive.Sweep(ctx, k.Alive)
	if !ready {
		return swept
	}
	s, err := k.Archive.State()
	if err != nil {
		return errors.Join(swept, err)
	}
	due, cut, err := k.Archive.baseDue(s.System)
	// Files change their names and places while a folder is read: what looks like a gap must be there twice.
	due, k.cut = due || cut && k.cut, cut
	if err != nil || k.Archive.now().Before(k.nextBase) {
		return errors.Join(swept, err)
	}
	if !due {
		return errors.Join(swept, k.rehearse(ctx))
	}
	k.Log.InfoContext(ctx, "copying the cluster")
	b, err := k.take(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		k.baseTries++
		k.nextBase = k.Archive.now().Add(min(time.Hour, time.Minute<<min(k.baseTries, 6)))
		k.failed(err.Error())
		return errors.Join(swept, err, k.tellBase(ctx, s.System, err))
	}
	k.baseTries, k.nextBase = 0, time.Time{}
	k.failed("")
	k.Log.InfoContext(ctx, "the cluster was copied and read back", "base", b.ID, "bytes", b.Part.Size, "raw", b.Part.Raw, "took_ms", b.Took)
	return errors.Join(swept, k.Archive.retain(b.System))
}

// take copies the cluster, and shows how far it is.
func (k *Keeper) take(ctx context.Context) (*Base, error) {
	show := func(since time.Time, done int64) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.copying, k.copied = since, done
	}
	began := k.Archive.now()
	show(began, 0)
	defer show(time.Time{}, 0)
	return k.Archive.TakeBase(ctx, func(done int64) { show(began, done) })
}

// patientTries is how many copies may fail, within minutes, before people are told.
const patientTries = 3

// tellBase tells that copies fail, once they have failed several times.
func (k *Keeper) tellBase(ctx context.Context, system string, why error) error {
	if k.baseTries < patientTries || k.TellBase == nil {
		return nil
	}
	chains, err := k.Archive.chains()
	if err != nil {
		return err
	}
	for _, ch := range chains {
		if ch.System == system {
			return k.TellBase(ctx, ch.Base, why.Error())
		}
	}
	return k.TellBase(ctx, nil, why.Error())
}

// baseDue tells whether the newest copy is too old, and whether it is cut off from what is received now.
func (a *Archive) baseDue(system string) (due, cut bool, err error) {
	chains, err := a.chains()
	if err != nil {
		return false, false, err
	}
	for _, ch := range chains {
		if ch.System == system {
			return a.now().Sub(ch.At) >= a.cfg.Every, ch.gap, nil
		}
	}
	return true, false, nil
}
