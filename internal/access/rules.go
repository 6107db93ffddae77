package access

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Class is how much a command can do.
type Class string

// The classes, from the harmless to the worst.
const (
	Read        Class = "read"
	Low         Class = "low"
	Change      Class = "change"
	Destructive Class = "destructive"
)

// The lists of people that a policy can name.
const (
	Everybody  = "everybody" // of the workspace, guests excepted
	Operators  = "operators"
	Commanders = "commanders"
	BreakGlass = "break_glass"
)

// Lists are the names that `run` and `approve` of a policy accept.
var Lists = []string{Everybody, Operators, Commanders, BreakGlass}

// Policy changes what the class of a command says. Fields that are missing leave the class as it is.
type Policy struct {
	Run          string        // one of Lists
	Approve      string        // one of Lists
	Approvals    *int          // how many people besides the requester
	Expires      time.Duration // how long a request waits for its approvals
	SelfApproval *bool         // the requester's own vote counts
}

// Rule is what holds for one command once class and policies are put together.
type Rule struct {
	Class        Class
	Run          string
	Approve      string
	Approvals    int
	Expires      time.Duration
	SelfApproval bool
}

// expires is the operations guide's patience with a request for approval.
const expires = 15 * time.Minute

// byClass is the contract's table, by class.
var byClass = map[Class]Rule{
	Read:        {Class: Read, Run: Everybody},
	Low:         {Class: Low, Run: Operators},
	Change:      {Class: Change, Run: Operators, Approve: Commanders, Approvals: 1, Expires: expires},
	Destructive: {Class: Destructive, Run: Operators, Approve: Commanders, Approvals: 2, Expires: expires},
}

// classes is the contract's table, by word. A key of two words speaks of one subcommand and comes before its first word.
var classes = map[string]Class{
	"help": Read, "health": Read, "stats": Read, "capacity": Read, "cert": Read, "contacts": Read, "oncall": Read, "runbook": Read,
	"incident.list": Read, "incident.show": Read, "incident.search": Read, "incident.report": Read,
	"backup.list": Read, "backup.status": Read,

	// Looking at operations is everybody's. Deciding about one asks for what its own word asks for.
	"operation": Read,

	"incident": Low, "silence": Low, "logs": Low, "audit": Low, "audit-log": Low, "db": Low, "backup": Low, "drill": Low,
	"schedule": Low,

	"restart": Change, "deploy": Change, "rollback": Change, "cleanup": Change, "update": Change, "cert.renew": Change,
	"db.maintain": Change, "announce": Change,

	"restore": Destructive,
}

// Words lists every key that the table knows, sorted: what `policies` may name.
func Words() []string { return slices.Sorted(maps.Keys(classes)) }

// Rule tells what holds for a word such as "restart" or "db.maintain". False: no such word, and therefore nobody may.
func (a *Access) Rule(word string) (Rule, bool) {
	first, _, two := strings.Cut(word, ".")
	class, known := classes[word]
	if !known {
		class, known = classes[first]
	}
	if !known {
		return Rule{}, false
	}
	rule := byClass[class]
	rule.apply(a.cfg.Policies[first])
	if two {
		rule.apply(a.cfg.Policies[word])
	}
	return rule, true
}

func (r *Rule) apply(p Policy) {
	if p.Run != "" {
		r.Run = p.Run
	}
	if p.Approve != "" {
		r.Approve = p.Approve
	}
	if p.Approvals != nil {
		r.Approvals = *p.Approvals
	}
	if p.Expires != 0 {
		r.Expires = p.Expires
	}
	if p.SelfApproval != nil {
		r.SelfApproval = *p.SelfApproval
	}
	// A policy that asks for approvals where the class has none still needs somebody who gives them, and an end.
	if r.Approvals > 0 {
		if r.Approve == "" {
			r.Approve = Commanders
		}
		if r.Expires == 0 {
			r.Expires = expires
		}
	}
}
