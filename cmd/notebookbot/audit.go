package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/internal/audit"
	"github.com/ai-notebook/notebookbot/internal/store"
)

// headForm is how a head is told in Slack.
var headForm = regexp.MustCompile(`^([1-9][0-9]{0,17}):([0-9a-f]{64})$`)

// runAudit exports the audit log as JSON lines, or verifies it. A running bot goes on meanwhile.
func runAudit(ctx context.Context, e env, args []string) error {
	f := newFlags(e, "audit")
	config := f.config(loadConfig)
	since := f.String("since", "", "export what is not older than `TIME`: 24h, 7d, 2026-11-01")
	verify := f.Bool("verify", false, "export nothing, but verify the whole log")
	head := f.String("head", "", "with --verify: a `NUMBER:HASH` that was told in Slack, which the log must have")
	if err := f.parse(args); err != nil {
		return err
	}
	cfg, err := config()
	if err != nil {
		return err
	}
	wrong := func(text string, args ...any) error {
		_, _ = fmt.Fprintf(e.stderr, "notebookbot audit: "+text+"\n", args...)
		return errUsage
	}
	var told []audit.Head
	if *head != "" {
		m := headForm.FindStringSubmatch(*head)
		if m == nil || !*verify {
			return wrong("--head %q: use it with --verify, as NUMBER:HASH", *head)
		}
		seq, _ := strconv.ParseInt(m[1], 10, 64)
		told = append(told, audit.Head{Seq: seq, Hash: m[2]})
	}
	var from time.Time
	if *since != "" {
		var ok bool
		if from, ok = commands.Since(*since, time.Now(), cfg.App.Location); !ok || *verify {
			return wrong("--since %q: use 24h, 7d or 2026-11-01, and not with --verify", *since)
		}
	}
	log, err := store.OpenAudit(ctx, cfg.Store.Reveal())
	if err != nil {
		return err
	}
	if *verify {
		err = verifyAudit(ctx, e.stdout, log, told...)
	} else {
		err = exportAudit(ctx, e.stdout, log, from)
	}
	return errors.Join(err, log.Close())
}

func verifyAudit(ctx context.Context, w io.Writer, log *store.AuditLog, told ...audit.Head) error {
	head, err := log.Verify(ctx, told...)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "ok, %s\n", headText(head).en)
	return err
}

// headText says how long a log is and how it ends.
func headText(h audit.Head) words {
	if h.Seq == 0 {
		return words{"还没有记录", "no entries yet"}
	}
	return format("共 %[1]d 条，最后一条 %[1]d:%[2]s", "%[1]d entries, head %[1]d:%[2]s", h.Seq, h.Hash)
}

// exportAudit writes the log from a time on. Each entry must follow the one before; where one does not, the export ends.
func exportAudit(ctx context.Context, w io.Writer, log *store.AuditLog, from time.Time) error {
	var head audit.Head
	if !from.IsZero() {
		first, err := log.SeqSince(ctx, from)
		if err != nil || first == 0 {
			return err
		}
		head.Seq = first - 1
	}
	out := bufio.NewWriter(w)
	begun := head.Seq == 0
	for e, err := range log.Entries(ctx, head.Seq) {
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		if !begun {
			head.Hash, begun = e.Prev, true
		}
		if head, err = head.Next(e); err != nil {
			return errors.Join(err, out.Flush())
		}
		line, err := e.Encode()
		if err != nil {
			return err
		}
		if _, err := out.WriteString(line + "\n"); err != nil {
			return err
		}
	}
	return out.Flush()
}
