package access

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Problems lists what nobody can satisfy: empty lists, groups that cannot be looked up, policies whose approvals cannot come
// together. No problem: an empty list.
func (a *Access) Problems(ctx context.Context) []string {
	var out []string
	members := map[string][]string{} // the living people of each list
	for _, name := range []string{Operators, Commanders, BreakGlass} {
		who, bad := a.living(ctx, name)
		members[name] = who
		out = append(out, bad...)
	}
	if a.cfg.Shift <= 0 && len(a.cfg.Rotation) > 0 {
		out = append(out, "oncall.shift: must be longer than nothing, for example 168h")
	}
	words := Words()
	for _, word := range slices.Sorted(maps.Keys(a.cfg.Policies)) {
		first, _, _ := strings.Cut(word, ".")
		if _, ok := classes[first]; !ok {
			out = append(out, fmt.Sprintf("policies.%s: no such command", word))
			continue
		}
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	slices.Sort(words)
	told := map[string][]string{} // what is wrong → for which words
	var order []string
	for _, word := range words {
		rule, _ := a.Rule(word)
		if wrong := unsatisfied(rule, members); wrong != "" {
			if told[wrong] == nil {
				order = append(order, wrong)
			}
			told[wrong] = append(told[wrong], word)
		}
	}
	for _, wrong := range order {
		out = append(out, strings.Join(told[wrong], ", ")+": "+wrong)
	}
	return out
}

// unsatisfied says why nobody can carry out what the rule covers; empty: somebody can.
func unsatisfied(r Rule, members map[string][]string) string {
	if !slices.Contains(Lists, r.Run) {
		return fmt.Sprintf("run names the list %q; use one of %s", r.Run, strings.Join(Lists, ", "))
	}
	runners := members[r.Run]
	if r.Run != Everybody && len(runners) == 0 {
		return "nobody may run it: " + r.Run + " is empty"
	}
	if r.Approvals < 0 {
		return fmt.Sprintf("approvals is %d; use 0 or more", r.Approvals)
	}
	if r.Approvals == 0 {
		return ""
	}
	if r.Expires < 0 {
		return fmt.Sprintf("expires is %s; use a duration such as 15m", r.Expires)
	}
	if !slices.Contains(Lists, r.Approve) {
		return fmt.Sprintf("approve names the list %q; use one of %s", r.Approve, strings.Join(Lists, ", "))
	}
	if r.Approve == Everybody {
		return "everybody may approve it; use operators, commanders or break_glass"
	}
	approvers := members[r.Approve]
	enough := len(approvers)
	if !r.SelfApproval && r.Run != Everybody {
		// The requester's own vote does not count: somebody who may run it must find enough others.
		outsider := slices.ContainsFunc(runners, func(id string) bool { return !slices.Contains(approvers, id) })
		if !outsider {
			enough--
		}
	}
	if enough < r.Approvals {
		return fmt.Sprintf("needs %d approvals of %s besides the requester, and only %d can give one", r.Approvals, r.Approve, max(enough, 0))
	}
	return ""
}

// living expands a list to the people in it who may act at all, and tells what stands in the list in vain.
func (a *Access) living(ctx context.Context, name string) (who, bad []string) {
	ids := a.list(name)
	key := "people." + name
	if name == BreakGlass {
		key = name
	}
	for _, id := range ids {
		users := []string{id}
		if isGroup(id) {
			var err error
			if users, err = a.groups.get(ctx, id); err != nil {
				bad = append(bad, fmt.Sprintf("%s: the user group %s cannot be looked up: %v", key, id, err))
				continue
			}
			if len(users) == 0 {
				bad = append(bad, fmt.Sprintf("%s: the user group %s has no members", key, id))
			}
		}
		for _, u := range users {
			if slices.Contains(who, u) {
				continue
			}
			why, err := a.known(ctx, u, a.Team())
			switch {
			case why == "":
				who = append(who, u)
			case err != nil:
				bad = append(bad, fmt.Sprintf("%s: %s may do nothing: %s: %v", key, u, why, err))
			default:
				bad = append(bad, fmt.Sprintf("%s: %s may do nothing: %s", key, u, why))
			}
		}
	}
	return who, bad
}
