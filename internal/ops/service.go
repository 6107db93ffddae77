package ops

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
)

// Config is what Service and Runner work with. Fields without a remark are needed.
type Config struct {
	Kinds    []Kind
	People   People
	Target   Target   // nil: plans that bind to a target are refused
	Backups  Backups  // optional; without it plans say that they go without a backup
	Silencer Silencer // optional; likewise
	Auditor  Auditor  // optional
	// Redact takes secrets out of what programs and containers said before it is kept as the reason of a failure. Optional.
	Redact func(text string) string
	Ops    string // channel of requests that no incident's thread holds
	Now    func() time.Time
}

// Service brings people's decisions to operations over a Store.
type Service struct {
	store Store
	cfg   Config
	kinds map[string]Kind
	log   *slog.Logger
}

// NewService makes a Service. Now may be nil: the system's clock.
func NewService(store Store, cfg Config, log *slog.Logger) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Service{store: store, cfg: cfg, kinds: map[string]Kind{}, log: log}
	for _, k := range cfg.Kinds {
		s.kinds[k.Word()] = k
	}
	return s
}

// now is the time as every store keeps it.
func (s *Service) now() time.Time { return stamp(s.cfg.Now()) }

func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Errors of asking and deciding.
var (
	// ErrNoKind says that there is no such kind of operation.
	ErrNoKind = errors.New("no such operation")
	// ErrNoTarget says that the target could not be looked at, so that nothing is decided.
	ErrNoTarget = errors.New("the target could not be looked at")
)

// Decision is something that was looked into and is still to be committed, in the caller's transaction.
type Decision struct {
	svc    *Service
	number int64
	ev     Event
	draft  *Operation // of a new operation, without its number

	// Changed is why the decision will void the plan instead of doing what was asked for; empty: it will not.
	Changed []Difference
}

// Plan gives the plan of a decision that asks for a new operation: for a dry run.
func (d *Decision) Plan() (Plan, bool) {
	if d.draft == nil {
		return Plan{}, false
	}
	return d.draft.Plan, true
}

// Want is what the decision's transaction reads.
func (d *Decision) Want() Want {
	if d.draft != nil {
		if n := d.draft.Where.Incident; n != 0 {
			return Want{Want: incidents.Want{Numbers: []int64{n}}}
		}
		return Want{}
	}
	return Want{Operations: []int64{d.number}}
}

// In commits the decision with the caller's transaction and gives the operation as it is then. A repeat is no error and changes
// nothing: changed tells. A refusal (ErrDecided, ErrExpired, …) comes with the operation, so that the person can be told who decided.
func (d *Decision) In(tx Tx, now time.Time) (op *Operation, changed bool, err error) {
	now = stamp(now)
	if d.draft != nil {
		op, err = d.svc.begin(tx, d.draft.clone(), now)
		return op, err == nil, err
	}
	return d.svc.applyIn(tx, d.number, d.ev, now)
}

// Do commits a decision in a transaction of its own.
func (s *Service) Do(ctx context.Context, d *Decision) (op *Operation, changed bool, err error) {
	err = s.store.WriteOperations(ctx, d.Want(), func(tx Tx) error {
		var err error
		op, changed, err = d.In(tx, s.now())
		return err
	})
	return op, changed, err
}

// Ask plans an operation. Nothing is stored before the decision is committed. Errors: *access.Denied, ErrNoKind, and what the kind says.
func (s *Service) Ask(ctx context.Context, req Request) (*Decision, error) {
	kind, ok := s.kinds[req.Word]
	if !ok {
		return nil, fmt.Errorf("%q: %w", req.Word, ErrNoKind)
	}
	rule, ok := s.cfg.People.Rule(req.Word)
	if !ok {
		return nil, fmt.Errorf("%q: %w", req.Word, ErrNoKind)
	}
	if err := s.mayRun(ctx, req.By, req.Word); err != nil {
		return nil, err
	}
	plan, err := kind.Plan(ctx, req)
	if err != nil {
		return nil, s.unplanned(ctx, req.Word, err)
	}
	if plan.Word == "" {
		plan.Word = req.Word
	}
	if plan.Reason == "" {
		plan.Reason = req.Reason
	}
	if plan.Word != req.Word {
		return nil, fmt.Errorf("%w: %s plans %s", ErrPlan, req.Word, plan.Word)
	}
	if err := s.complete(ctx, &plan); err != nil {
		return nil, err
	}
	if err := plan.check(); err != nil {
		return nil, err
	}
	for _, st := range plan.steps() {
		if _, ok := s.doer(plan.Word, st); !ok {
			return nil, fmt.Errorf("%w: %s has no step %s", ErrPlan, plan.Word, st.Name)
		}
	}
	hash, err := plan.Hash()
	if err != nil {
		return nil, err
	}
	return &Decision{svc: s, draft: &Operation{
		By: req.By, Where: req.Where, Plan: plan,
		Quiet: req.Quiet && rule.Approvals <= 0, // what waits for people is said to them
		Hash:  hash, Policy: Policy{
			Class: rule.Class, Run: rule.Run, Approve: rule.Approve, Approvals: max(0, rule.Approvals), Expires: rule.Expires,
			SelfApproval: rule.SelfApproval,
		},
	}}, nil
}

func (s *Service) begin(tx Tx, op *Operation, now time.Time) (*Operation, error) {
	if n := op.Where.Incident; n != 0 {
		in, err := tx.Incident(n)
		if err != nil {
			return nil, err
		}
		op.Where.Channel, op.Where.Root, op.Where.Thread = in.Channel, in.CardKey(), ""
	}
	op.Where.Channel = op.Where.channelOf(s.cfg.Ops)
	n, err := tx.NextOperation()
	if err != nil {
		return nil, err
	}
	op.Number = n
	return op, s.save(tx, op, op.birth(now))
}

// Approve looks into one person's yes: whether they may, and whether the target is still what the plan was made for. When it is
// not, the decision voids the plan. Errors: *access.Denied, ErrNoTarget, and those of Apply.
func (s *Service) Approve(ctx context.Context, number int64, ev Approve) (*Decision, error) {
	op, err := s.approver(ctx, number, ev.By)
	if err != nil {
		return nil, err
	}
	return s.bound(ctx, op, ev)
}

// approver gives an operation to somebody who may approve it, and a refusal to everybody else.
func (s *Service) approver(ctx context.Context, number int64, by Person) (*Operation, error) {
	op, err := s.store.FindOperation(ctx, number)
	if err != nil {
		return nil, err
	}
	return op, s.cfg.People.MayApprove(ctx, by, op.Plan.Word)
}

// Alone looks into the decision of one person to act without the approvals. It is loud.
func (s *Service) Alone(ctx context.Context, number int64, ev Alone) (*Decision, error) {
	op, err := s.store.FindOperation(ctx, number)
	if err != nil {
		return nil, err
	}
	if err := s.cfg.People.MayActAlone(ctx, ev.By, op.Plan.Word); err != nil {
		return nil, err
	}
	return s.bound(ctx, op, ev)
}

// bound holds a decision against the world as it is.
func (s *Service) bound(ctx context.Context, op *Operation, ev Event) (*Decision, error) {
	r, err := op.clone().Apply(ev, s.now())
	if err != nil {
		return nil, err // no need to look: it is refused, or repeated
	}
	d := &Decision{svc: s, number: op.Number, ev: ev}
	if !r.Changed {
		return d, nil
	}
	changed, err := s.differences(ctx, op.Plan)
	if err != nil {
		return nil, err
	}
	if len(changed) > 0 {
		d.ev, d.Changed = Voided{Changed: changed, Why: Reason{Code: TargetChanged}}, changed
	}
	return d, nil
}

// lookWithin is how long a look at the target may take: somebody waits for it, and who asks has a deadline of its own above it.
const lookWithin = 7 * time.Second

func (s *Service) differences(ctx context.Context, p Plan) ([]Difference, error) {
	if p.Target.IsZero() {
		return nil, nil
	}
	if s.cfg.Target == nil {
		return nil, fmt.Errorf("%w: none is configured", ErrNoTarget)
	}
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	is, err := s.cfg.Target.Fingerprint(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTarget, err)
	}
	return p.Target.Differences(is), nil
}

// Reject looks into the no of somebody who could have approved.
func (s *Service) Reject(ctx context.Context, number int64, ev Reject) (*Decision, error) {
	op, err := s.approver(ctx, number, ev.By)
	if err != nil {
		return nil, err
	}
	return s.dry(op, ev)
}

// Cancel looks into the word of who asked, or approved, that it shall not begin.
func (s *Service) Cancel(ctx context.Context, number int64, ev Cancel) (*Decision, error) {
	op, err := s.store.FindOperation(ctx, number)
	if err != nil {
		return nil, err
	}
	if err := s.mayRun(ctx, ev.By, op.Plan.Word); err != nil && !op.voted(ev.By) {
		return nil, err
	}
	return s.dry(op, ev)
}

func (s *Service) dry(op *Operation, ev Event) (*Decision, error) {
	if _, err := op.clone().Apply(ev, s.now()); err != nil {
		return nil, err
	}
	return &Decision{svc: s, number: op.Number, ev: ev}, nil
}

// RefuseIn keeps in the timeline and the audit log that somebody tried what they may not. What is a word such as "approve".
func (s *Service) RefuseIn(tx Tx, number int64, by Person, what string, why error, now time.Time) error {
	_, _, err := s.applyIn(tx, number, Refused{By: by, What: what, Why: refusal(why)}, stamp(now))
	return err
}

// Find gives the operation of that number, or ErrNotFound.
func (s *Service) Find(ctx context.Context, number int64) (*Operation, error) {
	return s.store.FindOperation(ctx, number)
}

// mayRun: the bot's clock asks only for what the configuration tells it to.
func (s *Service) mayRun(ctx context.Context, p Person, word string) error {
	if p.Kind == incidents.ByClock && p.ID == "" {
		return nil
	}
	return s.cfg.People.MayRun(ctx, p, word)
}

// definite tells whether an error of People is a no, and not only "not known now".
func definite(err error) bool {
	denied, ok := errors.AsType[*access.Denied](err)
	return ok && denied.Reason != access.LookupFailed
}

// reason is what an error says, as it may be kept and shown: whatever a step's program wrote may have got into it.
func (s *Service) reason(err error) string { return s.redact(err.Error()) }

func (s *Service) redact(text string) string {
	if s.cfg.Redact == nil {
		return text
	}
	return s.cfg.Redact(text)
}

// doer finds what does a step.
func (s *Service) doer(word string, st Step) (Doer, bool) {
	if st.Part == PartBackup {
		return s.cfg.Backups, s.cfg.Backups != nil
	}
	kind, ok := s.kinds[word]
	if !ok {
		return nil, false
	}
	return kind.Step(st.Name)
}

func (s *Service) applyIn(tx Tx, number int64, ev Event, now time.Time) (*Operation, bool, error) {
	op, err := tx.Operation(number)
	if err != nil {
		return nil, false, err
	}
	r, err := op.Apply(ev, now)
	if err != nil {
		return op, false, err
	}
	return op, r.Changed, s.save(tx, op, r)
}

// save writes what an event led to. An operation that is over holds no lock.
func (s *Service) save(tx Tx, op *Operation, r Result) error {
	if !r.Changed {
		return nil
	}
	if err := tx.SaveOperation(op); err != nil {
		return err
	}
	if op.State.Over() && op.Plan.Project != "" && !op.Started.IsZero() {
		l, err := tx.Lock(op.Plan.Project)
		if err != nil {
			return err
		}
		if l.Operation == op.Number {
			l.Operation, l.Owner, l.Since = 0, "", op.Updated
			if err := tx.SetLock(l); err != nil {
				return err
			}
		}
	}
	if err := tx.LogOperation(r.Entries...); err != nil {
		return err
	}
	if s.cfg.Auditor != nil {
		for _, e := range r.Entries {
			if err := s.cfg.Auditor.Append(tx, op, e); err != nil {
				return err
			}
		}
	}
	for i, n := range r.Notices {
		if n.Channel == "" {
			r.Notices[i].Channel = s.cfg.Ops
		}
	}
	return tx.Notify(r.Notices...)
}
