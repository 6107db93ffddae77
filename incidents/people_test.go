package incidents_test

import (
	"errors"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/incidents"
)

func TestResolvingByHand(t *testing.T) {
	t.Parallel()
	report := incidents.Report{Cause: "disk full", Solution: "bigger disk", Prevention: "an alert at 85 %"}
	tell(t, []tale{
		{"resolved while it fires says so, and its alerts stay quiet", func(s *story) {
			s.receive(firing("a", p0, s.now), firing("b", p0, s.now))
			s.sleep(minute)
			s.do(1, incidents.ResolveBy{By: kim, Report: report})
			s.wantSaid("INC-1 opened → oncall", "INC-1 resolved")
			in := s.wantState(1, incidents.Resolved)
			if !in.StillFiring || in.Report != report || in.ResolvedBy != kim {
				s.Errorf("%+v", in)
			}
			s.wantTime("resolution stopped", in.Resolve.Stopped, s.now)
			all := s.store.read().notices
			if f := all[len(all)-2].Fact; !f.StillFiring || f.Count != 2 || f.After != minute || f.Report != report {
				s.Errorf("says %+v", f)
			}
			s.quietly("the repeats", func() {
				for range 3 {
					s.sleep(4 * time.Hour)
					s.receive(firing("a", p0, nine), firing("b", p0, nine))
					s.fire()
				}
			})
			s.wantCount(1)
		}},
		{"it learns one by one that its alerts ended", func(s *story) {
			s.receive(firing("a", p0, s.now), firing("b", p0, s.now))
			s.do(1, incidents.ResolveBy{By: kim})
			s.said()
			s.sleep(minute)
			s.receive(ended(firing("a", p0, nine), s.now), firing("b", p0, nine))
			if !s.incident(1).StillFiring {
				s.Error("one still fires")
			}
			s.receive(ended(firing("b", p0, nine), s.now))
			if s.incident(1).StillFiring {
				s.Error("none fires any more")
			}
			s.wantSaid()
			s.wantState(1, incidents.Resolved)
		}},
		{"an alert that ended and fires anew is a new incident", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.do(1, incidents.ResolveBy{By: kim})
			s.sleep(minute)
			s.receive(ended(firing("a", p0, nine), s.now))
			s.said()
			s.sleep(time.Second)
			s.receive(firing("a", p0, s.now))
			s.wantSaid("INC-2 opened → oncall")
		}},
		{"an alert that began anew is a new incident though its end was never heard", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.do(1, incidents.ResolveBy{By: kim})
			s.said()
			s.sleep(24 * time.Hour)
			s.receive(firing("a", p0, s.now))
			s.wantSaid("INC-2 opened → oncall")
		}},
		{"a new alert of the group is a new incident that takes over what still fires", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.do(1, incidents.ResolveBy{By: kim})
			s.said()
			s.sleep(time.Hour)
			s.receive(firing("a", p0, nine), firing("b", p1, s.now))
			s.wantSaid("INC-2 opened → oncall")
			if s.incident(1).StillFiring {
				s.Error("its alerts are the new incident's")
			}
			s.receive(firing("a", p0, nine), ended(firing("b", p1, nine.Add(time.Hour)), s.now))
			s.wantState(2, incidents.Received)
			s.receive(ended(firing("a", p0, nine), s.now))
			s.wantState(2, incidents.Verifying)
			s.wantCount(2)
		}},
		{"no clock speaks after it", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.do(1, incidents.ResolveBy{By: kim})
			s.said()
			s.pass(100 * time.Hour)
			s.wantSaid()
		}},
		{"in the hold the clocks stop at the last alert's end", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.sleep(10 * minute)
			s.receive(ended(firing("a", p0, nine), nine.Add(8*minute)))
			s.sleep(minute)
			s.do(1, incidents.ResolveBy{By: kim})
			in := s.wantState(1, incidents.Resolved)
			s.wantTime("resolution stopped", in.Resolve.Stopped, nine.Add(8*minute))
			if in.StillFiring || !in.HoldUntil.IsZero() {
				s.Errorf("%+v", in)
			}
		}},
		{"what recovered is resolved by a person with the report", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.sleep(minute)
			s.receive(ended(firing("a", p0, nine), s.now))
			s.pass(hold)
			s.said()
			s.do(1, incidents.ResolveBy{By: kim, Report: report})
			s.wantSaid("INC-1 resolved")
			in := s.wantState(1, incidents.Resolved)
			s.wantTime("resolution stopped", in.Resolve.Stopped, nine.Add(minute))
		}},
		{"a second click changes nothing", func(s *story) {
			s.open(p1)
			s.do(1, incidents.ResolveBy{By: kim, Report: report})
			s.quietly("the second click", func() {
				s.do(1, incidents.ResolveBy{By: lee, Report: report})
				s.do(1, incidents.ResolveBy{By: lee})
			})
		}},
		{"a report that comes after the resolution is kept and not told twice", func(s *story) {
			s.open(p1)
			s.do(1, incidents.ResolveBy{By: kim, Report: incidents.Report{Cause: "disk full"}})
			s.said()
			s.do(1, incidents.ResolveBy{By: lee, Report: incidents.Report{Solution: "bigger disk"}})
			s.wantSaid()
			in := s.incident(1)
			if diff := gocmp.Diff(incidents.Report{Cause: "disk full", Solution: "bigger disk"}, in.Report); diff != "" {
				s.Error(diff)
			}
			if in.ResolvedBy != kim {
				s.Errorf("resolved by %v", in.ResolvedBy)
			}
			tl, _ := s.store.Timeline(s.Context(), 1)
			if last := tl[len(tl)-1]; last.By != lee || last.Fact.Report.Solution != "bigger disk" {
				s.Errorf("timeline ends with %+v", last)
			}
		}},
	})
}

func TestReopening(t *testing.T) {
	t.Parallel()
	tell(t, []tale{
		{"it begins with a new resolution clock and pages nobody", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.sleep(minute)
			s.do(1, incidents.ResolveBy{By: kim})
			s.said()
			s.sleep(10 * time.Hour)
			s.do(1, incidents.Reopen{By: lee, Reason: "it is back"})
			s.wantSaid("INC-1 reopened")
			in := s.wantState(1, incidents.Acknowledged)
			s.wantTime("resolution due", in.Resolve.Due, s.now.Add(2*time.Hour))
			if in.AckedBy != lee || in.StillFiring || !in.ResolvedAt.IsZero() || in.ResolvedBy != (incidents.Actor{}) || in.Reopened != 1 {
				s.Errorf("%+v", in)
			}
			s.pass(2 * time.Hour)
			s.wantSaid("INC-1 clock.nudge resolve 50", "INC-1 clock.nudge resolve 80", "INC-1 clock.breach resolve → management")
		}},
		{"the commander works on", func(s *story) {
			s.open(p1)
			s.do(1, incidents.TakeCommand{By: kim, Commander: kim.ID})
			s.do(1, incidents.ResolveBy{By: kim, Report: incidents.Report{Cause: "c"}})
			s.do(1, incidents.Reopen{By: kim})
			if in := s.wantState(1, incidents.Working); in.Report.Cause != "c" {
				s.Error("the report is lost")
			}
			s.do(1, incidents.ResolveBy{By: kim})
			if in := s.wantState(1, incidents.Resolved); in.Report.Cause != "c" {
				s.Error("the report is lost")
			}
		}},
		{"only the newest incident of a group is reopened", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.do(1, incidents.ResolveBy{By: kim})
			s.sleep(minute)
			s.receive(firing("a", p0, s.now))
			s.said()
			s.quietly("reopening the old one", func() {
				if err := s.try(1, incidents.Reopen{By: kim}); !errors.Is(err, incidents.ErrSuperseded) {
					s.Errorf("got %v", err)
				}
			})
			s.do(2, incidents.ResolveBy{By: kim})
			s.do(2, incidents.Reopen{By: kim})
			s.wantState(2, incidents.Acknowledged)
		}},
		{"the error gives the incident to act on", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.do(1, incidents.ResolveBy{By: kim})
			s.sleep(minute)
			s.receive(firing("a", p0, s.now))
			_ = s.store.Write(s.Context(), incidents.Want{}, func(tx incidents.Tx) error {
				in, err := s.svc.ApplyIn(tx, 1, incidents.Reopen{By: kim}, s.now)
				if in == nil || in.Number != 2 {
					s.Errorf("got %+v", in)
				}
				return err
			})
		}},
		{"what nobody's alert holds open stays open until a person resolves it", func(s *story) {
			a := firing("a", p0, s.now)
			s.receive(a)
			s.receive(ended(a, s.now))
			s.pass(hold)
			s.do(1, incidents.Reopen{By: kim})
			s.said()
			s.sleep(minute)
			s.receive(ended(firing("b", p0, s.now), s.now)) // an end that nobody waits for
			s.wantSaid()
			s.wantState(1, incidents.Acknowledged)
		}},
		{"alerts that fire join it, and their end recovers it", func(s *story) {
			a := firing("a", p0, s.now)
			s.receive(a)
			s.receive(ended(a, s.now))
			s.pass(hold)
			s.do(1, incidents.Reopen{By: kim})
			s.said()
			s.sleep(minute)
			s.receive(firing("a", p0, s.now))
			s.wantSaid("INC-1 more_alerts")
			s.sleep(minute)
			s.receive(ended(firing("a", p0, s.now.Add(-minute)), s.now))
			s.wantSaid("INC-1 recovering")
			s.pass(hold)
			s.wantSaid("INC-1 recovered")
		}},
	})
}

func TestCommandAndNotes(t *testing.T) {
	t.Parallel()
	tell(t, []tale{
		{"who takes command has responded", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.said()
			s.sleep(3 * minute)
			s.do(1, incidents.TakeCommand{By: kim, Commander: kim.ID})
			s.wantSaid("INC-1 commander")
			in := s.wantState(1, incidents.Working)
			s.wantTime("acknowledged", in.Acked, s.now)
			if in.AckedBy != kim || in.Commander != kim.ID || in.Respond.Running() {
				s.Errorf("%+v", in)
			}
			s.pass(30 * minute)
			s.wantSaid()
		}},
		{"who is named by another has not", func(s *story) {
			s.receive(firing("a", p0, s.now))
			s.do(1, incidents.TakeCommand{By: kim, Commander: lee.ID})
			in := s.wantState(1, incidents.Received)
			if !in.Respond.Running() {
				s.Error("the response clock stopped")
			}
			s.do(1, incidents.Ack{By: lee})
			s.wantState(1, incidents.Working)
		}},
		{"the command goes on to another one", func(s *story) {
			s.open(p1)
			s.do(1, incidents.TakeCommand{By: kim, Commander: kim.ID})
			s.said()
			s.do(1, incidents.TakeCommand{By: kim, Commander: lee.ID})
			s.wantSaid("INC-1 commander")
			if in := s.wantState(1, incidents.Working); in.Commander != lee.ID || in.AckedBy != kim {
				s.Errorf("%+v", in)
			}
			s.quietly("the same again", func() { s.do(1, incidents.TakeCommand{By: lee, Commander: lee.ID}) })
		}},
		{"nobody is no commander", func(s *story) {
			s.open(p1)
			if err := s.try(1, incidents.TakeCommand{By: kim}); !errors.Is(err, incidents.ErrEmpty) {
				s.Errorf("got %v", err)
			}
		}},
		{"a second acknowledgement is quiet", func(s *story) {
			s.open(p1)
			s.do(1, incidents.Ack{By: kim})
			s.quietly("the second one", func() { s.do(1, incidents.Ack{By: lee}) })
		}},
		{"notes keep their words, and empty ones are refused", func(s *story) {
			s.open(p1)
			s.said()
			s.do(1, incidents.AddNote{By: kim, Text: " <!channel> *x* "})
			s.wantSaid("INC-1 note")
			tl, _ := s.store.Timeline(s.Context(), 1)
			if last := tl[len(tl)-1]; last.Fact.Text != " <!channel> *x* " || last.By != kim {
				s.Errorf("%+v", last)
			}
			if err := s.try(1, incidents.AddNote{By: kim, Text: " \n\t"}); !errors.Is(err, incidents.ErrEmpty) {
				s.Errorf("got %v", err)
			}
		}},
		{"an incident opened by hand keeps the level and is told like any other", func(s *story) {
			s.open(p1)
			s.wantSaid("INC-1 opened → oncall")
			in := s.wantState(1, incidents.Received)
			if in.Group != (incidents.Group{}) || in.Channel != "C0INC" || !in.LevelByHand || in.OpenedBy != kim {
				s.Errorf("%+v", in)
			}
			s.open(p1)
			s.wantCount(2)
		}},
		{"an incident without a title or with a wrong level is not opened, and takes no number", func(s *story) {
			for _, o := range []incidents.Open{{Level: p1, Title: " "}, {Level: 3, Title: "x"}, {Level: -1, Title: "x"}} {
				err := s.store.Write(s.Context(), incidents.Want{}, func(tx incidents.Tx) error {
					_, err := s.svc.OpenIn(tx, o, s.now)
					return err
				})
				if !errors.Is(err, incidents.ErrEmpty) && !errors.Is(err, incidents.ErrLevel) {
					s.Errorf("%+v: %v", o, err)
				}
			}
			s.open(p1)
			s.incident(1)
		}},
		{"an incident that does not exist is not found", func(s *story) {
			if err := s.try(7, incidents.Ack{By: kim}); !errors.Is(err, incidents.ErrNotFound) {
				s.Errorf("got %v", err)
			}
		}},
	})
}
