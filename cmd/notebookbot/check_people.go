package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
)

// approvals looks for commands that are to be approved although they are no operations: they are carried out at once or not at all,
// so they are refused.
func (c *checkup) approvals() {
	a := access.New(c.cfg.AccessConfig(), noDirectory{}, nil)
	for _, words := range commands.Words() {
		key := strings.Replace(words, " ", ".", 1)
		if rule, _ := a.Rule(key); rule.Approvals > 0 && !commands.Plans(words) {
			c.warn("policies."+key, format("%s 不是操作，没有可以批准的计划：谁也不能执行", "%s is no operation, so there is no plan to approve: nobody may run it", words),
				both("approvals: 0"))
		}
	}
}

// policies looks for what nobody can satisfy.
func (c *checkup) policies(ctx context.Context) {
	c.approvals()
	const name = "people"
	if c.people == nil {
		c.unchecked(name, words{"Slack 没有回答", "Slack does not answer"})
		return
	}
	ctx, cancel := c.limited(ctx)
	defer cancel()
	cfg := c.cfg.AccessConfig()
	cfg.Team = c.team
	problems := access.New(cfg, c.people, nil).Problems(ctx)
	for _, p := range problems {
		c.fail(name, both(p), words{"修改 people 或 policies", "change people or policies"})
	}
	if len(problems) == 0 {
		c.ok(name, words{"每个列表都有人，每条策略都能满足", "every list has people, and every policy can be satisfied"})
	}
}

// breakGlass looks for people who may break the glass in vain: at a terminal, with Slack down, nobody can be looked up, so they must
// stand in the list of who may run a command by user id.
func (c *checkup) breakGlass(ctx context.Context) {
	const name = "break_glass"
	cfg := c.cfg.AccessConfig()
	known := cfg.Vouched()
	if len(known) == 0 {
		return
	}
	ctx, cancel := c.limited(ctx)
	defer cancel()
	at := access.Terminal(cfg, nil)
	well := true
	for _, id := range known {
		var no, groups []string
		for _, words := range commands.Words() {
			rule, _ := at.Rule(strings.Replace(words, " ", ".", 1))
			if !commands.Plans(words) || at.MayActAlone(ctx, id, access.TerminalTeam, strings.Replace(words, " ", ".", 1)) == nil {
				continue
			}
			no = append(no, words)
			for _, g := range at.Listed(rule.Run) {
				if c.member(ctx, g, id) && !slices.Contains(groups, g) {
					groups = append(groups, g)
				}
			}
		}
		if len(no) == 0 {
			continue
		}
		well = false
		list := strings.Join(no, ", ")
		mend := format("把 %s 按用户 ID 写进 people.operators", "put %s into people.operators by user id", id)
		if len(groups) > 0 {
			c.warn(name, format("%s 只通过用户组 %s 属于运维人员；Slack 中断时查不到用户组，在终端不能执行 %s",
				"%s is an operator through the user group %s alone, which cannot be looked up while Slack is down: at a terminal they may not run %s",
				id, strings.Join(groups, ", "), list), mend)
			continue
		}
		c.warn(name, format("%s 不是运维人员，破窗也不能执行 %s", "%s is no operator, so even with break-glass they may not run %s", id, list), mend)
	}
	if well {
		c.ok(name, format("%d人，在终端也能执行", "%d people, who may act at a terminal as well", len(known)))
	}
}

// member tells whether somebody is known to be in a user group. What is no group, or is not known, has no members.
func (c *checkup) member(ctx context.Context, group, id string) bool {
	if c.people == nil || !strings.HasPrefix(group, "S") {
		return false
	}
	members, err := c.people.Members(ctx, group)
	return err == nil && slices.Contains(members, id)
}

// escalation looks for names that lead to nobody: they are skipped when it counts.
func (c *checkup) escalation() {
	a := access.New(c.cfg.AccessConfig(), noDirectory{}, nil)
	bad := false
	for _, level := range incidents.Levels {
		for _, name := range c.cfg.Levels.Of(level).Escalate {
			t := a.Target(name)
			if len(t.Users)+len(t.Groups) > 0 {
				continue
			}
			bad = true
			key := "levels." + level.String() + ".escalate"
			mend := words{"在 contacts 里给它 slack（U… 或 S…）", "give it a `slack` (U… or S…) in contacts"}
			if t.Mail != "" {
				c.warn(key, format("%s 只有邮箱，而邮件要到后续版本才会发送", "%s has mail alone, which a later version sends", name), mend)
			} else {
				c.warn(key, format("%s 没有对应的人，会被跳过", "nobody fills %s: skipped", name), mend)
			}
		}
	}
	if !bad {
		c.ok("escalate", words{"每个名字都有对应的人", "every name leads to somebody"})
	}
}

var errNoDirectory = errors.New("nobody is looked up here")

// noDirectory knows nobody; for questions that need no look-up.
type noDirectory struct{}

func (noDirectory) Person(context.Context, string) (access.Person, error) {
	return access.Person{}, errNoDirectory
}

func (noDirectory) Members(context.Context, string) ([]string, error) { return nil, errNoDirectory }
