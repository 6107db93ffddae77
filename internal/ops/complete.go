package ops

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// complete adds to a plan what no kind knows of itself: the backup, the silence, the past.
func (s *Service) complete(ctx context.Context, p *Plan) error {
	if !p.Target.IsZero() && s.cfg.Target == nil {
		return fmt.Errorf("plan %s: %w: none is configured", p.Word, ErrNoTarget)
	}
	if p.Backup.Choice == BackupWanted {
		deadline := p.Backup.Deadline
		if s.cfg.Backups == nil {
			p.Backup = Backup{Choice: BackupNone, Why: "no_backups_configured"}
		} else {
			b, err := s.cfg.Backups.Propose(ctx, *p)
			if err != nil {
				return fmt.Errorf("plan %s: the backup before it: %w", p.Word, err)
			}
			p.Backup = b
			if p.Backup.Deadline == 0 {
				p.Backup.Deadline = deadline
			}
		}
	}
	p.Backup.At = stamp(p.Backup.At)
	s.completeSilence(p)
	took, err := s.store.TookOperations(ctx, p.Word, p.Project, pastRuns)
	if err != nil {
		return err
	}
	if len(took) > 0 {
		slices.Sort(took)
		p.Usual = took[len(took)/2].Round(time.Second)
	}
	return nil
}

const pastRuns = 15

// completeSilence leaves those services in the plan's silence whose alerts can be silenced, and names the others.
func (s *Service) completeSilence(p *Plan) {
	switch {
	case len(p.Silence) == 0:
		return
	case s.cfg.Silencer == nil:
		p.Silence, p.NoSilence = nil, "no_alertmanager"
		return
	}
	var can, cannot []string
	for _, name := range p.Silence {
		if s.cfg.Silencer.CanSilence(name) {
			can = append(can, name)
		} else {
			cannot = append(cannot, name)
		}
	}
	p.Silence = can
	if len(cannot) > 0 {
		p.NoSilence = "no_alerts_line: " + strings.Join(cannot, ", ")
	}
}
