package store

import (
	"fmt"

	"github.com/ai-notebook/notebookbot/internal/audit"
)

var _ audit.Tx = (*tx)(nil)

// Audit implements audit.Tx.
func (t *tx) Audit(entries ...audit.Entry) error {
	if err := t.ready(); err != nil {
		return err
	}
	t.audits = append(t.audits, entries...)
	return nil
}

var (
	auditRows    = &table{name: "audit_log", columns: `seq# at# actor target word verdict doc`}
	readHeadLock = both(`SELECT seq, hash FROM audit_head {lock}`)
	setHead      = both(`UPDATE audit_head SET seq = $1, hash = $2`)
)

// chain puts what the functions left for the audit log behind its end. It is the first that a batch writes: of two replicas that
// add to the log, the second one waits here, before it holds anything that the first may want.
func (b *batch) chain() ([]stmt, error) {
	if len(b.audits) == 0 {
		return nil, nil
	}
	var head audit.Head
	err := b.ses.rows(b.ctx, readHeadLock, func(scan scanner) error { return scan(&head.Seq, &head.Hash) })
	if err != nil {
		return nil, fmt.Errorf("read the end of the audit log: %w", err)
	}
	entries, head := head.Chain(b.audits...)
	rows := make([][]any, 0, len(entries))
	for _, e := range entries {
		doc, err := e.Encode()
		if err != nil {
			return nil, err
		}
		rows = append(rows, []any{e.Seq, micros(e.At), e.Actor, e.Target, e.Word, string(e.Verdict), doc})
	}
	return append(auditRows.rows(b.d, rows), stmt{setHead[b.d], []any{head.Seq, head.Hash}}), nil
}
