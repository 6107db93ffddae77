package commands

import (
	"context"
	"slices"
	"strings"
)

// command is one thing that people can ask for.
type command struct {
	words string // as people write it: "incident ack"

	// key: it speaks of one incident, whose key is taken from the line or from the thread.
	key bool
	// decides: it speaks of one operation, whose key is taken from the line or from the thread.
	decides bool
	// plans: it asks for an operation, which waits for the approvals that its policy wants.
	plans bool
	// free: what follows is a person's own words, in which a key is only a word.
	free bool
	// read: it changes nothing, so its answer may be asked for again to share it.
	read bool
	// private: its answer is for the caller alone everywhere, and is never shared.
	private bool

	// run looks at what is asked and says what is to be done. It changes nothing itself.
	run func(ctx context.Context, r *Runner, c *call) (outcome, error)
	// form checks the answers of the command's modal: what is wrong, by input id. Nil: it has no modal with inputs.
	form func(r *Runner, values map[string]string) map[string]string
}

// access is the key of the command in the table of who may: "incident.ack".
func (c *command) access() string { return strings.Replace(c.words, " ", ".", 1) }

// all lists the commands in the order in which help speaks of them. ButtonsOnly are those that nobody types: they lead to the
// same as words. Both are filled when the program starts, because help speaks of all commands, itself among them.
var all, buttonsOnly []*command

func init() {
	all = []*command{
		incidentOpen, incidentList, incidentShow, incidentSearch, incidentAck, incidentLevel, incidentCommander, incidentEscalate,
		incidentNote, incidentResolve, incidentReopen,
		healthCheck, stats, logsOf, securityAudit,
		db, dbSize, dbSlow, dbIndexes, dbConnections, dbLocks,
		backupFull, backupIncremental, backupList, backupVerify, backupStatus,
		restart, deploy, rollback, restore, cleanup, dbMaintain,
		operationList, operationShow, operationItems, operationApprove, operationReject, operationCancel, operationAlone, operationReview,
		onCall, contacts,
		capacity, auditLog, help,
	}
	buttonsOnly = []*command{incidentMore}
}

// Words lists the commands as people write them, for example "incident ack".
func Words() []string {
	var out []string
	for _, c := range all {
		out = append(out, c.words)
	}
	return out
}

// Plans tells whether a command asks for an operation, which others can approve.
func Plans(words string) bool {
	c := byWords(words)
	return c != nil && c.plans
}

// byWords finds a command by its words; nil: there is none.
func byWords(words string) *command {
	for _, list := range [][]*command{all, buttonsOnly} {
		for _, c := range list {
			if c.words == words {
				return c
			}
		}
	}
	return nil
}

// families lists the first words of commands that have a second one.
func families() []string {
	var out []string
	for _, c := range all {
		if first, _, two := strings.Cut(c.words, " "); two && !slices.Contains(out, first) {
			out = append(out, first)
		}
	}
	return out
}

// seconds lists the second words of a family.
func seconds(first string) []string {
	var out []string
	for _, c := range all {
		if f, second, two := strings.Cut(c.words, " "); two && f == first {
			out = append(out, second)
		}
	}
	return out
}

// short gives the full words for a second word alone, so that "ack" is understood in a hurry. Where several families have it, it
// is the incidents' word, which people need most; without one nobody can tell.
func short(second string) string {
	var found []string
	for _, c := range all {
		if _, s, two := strings.Cut(c.words, " "); two && s == second {
			found = append(found, c.words)
		}
	}
	switch of := "incident " + second; {
	case slices.Contains(found, of):
		return of
	case len(found) == 1:
		return found[0]
	}
	return ""
}
