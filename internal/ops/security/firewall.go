package security

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops/health"
)

// firewall asks UFW, which the guide uses, whether it holds what is not allowed away.
func (s *scene) firewall(ctx context.Context) []health.Finding {
	text, why := s.asRoot(ctx, "ufw", "status", "verbose")
	if why != nil {
		return []health.Finding{*why}
	}
	return []health.Finding{judgeUFW(text)}
}

var ufwDefault = regexp.MustCompile(`(?m)^Default: (\w+) \(incoming\)`)

// judgeUFW reads what ufw status verbose writes.
func judgeUFW(text string) health.Finding {
	status, _, _ := strings.Cut(text, "\n")
	m := ufwDefault.FindStringSubmatch(text)
	switch {
	case strings.TrimSpace(status) == "Status: inactive":
		return failed("firewall.off", health.Facts{})
	case strings.TrimSpace(status) != "Status: active" || m == nil:
		return unchecked("unseen", health.Facts{Text: strings.TrimSpace(text)})
	case m[1] != "deny" && m[1] != "reject":
		return failed("firewall.open", health.Facts{Word: m[1]})
	}
	return ok("firewall.on", health.Facts{Word: m[1], Count: strings.Count(text, " IN ")})
}

// What the guide sets for fail2ban: how long a source is kept out, and after how many tries.
const (
	guideBan   = 3600 // seconds
	guideRetry = 3
)

// fail2ban asks whether sources that guess passwords are kept out.
func (s *scene) fail2ban(ctx context.Context) []health.Finding {
	const name = "fail2ban-client"
	if _, why := s.asRoot(ctx, name, "ping"); why != nil {
		if why.Code == "unseen" {
			return []health.Finding{failed("fail2ban.down", why.Facts)}
		}
		return []health.Finding{*why}
	}
	text, err := run(ctx, name, "status", "sshd")
	switch {
	case ctx.Err() != nil:
		return []health.Finding{unchecked("slow", health.Facts{Took: s.cfg.Patient})}
	case err != nil:
		return []health.Finding{warn("fail2ban.no_jail", health.Facts{Word: "sshd"})}
	}
	var found []health.Finding
	for _, key := range []string{"bantime", "maxretry"} {
		out, err := run(ctx, name, "get", "sshd", key)
		n, nan := strconv.Atoi(strings.TrimSpace(out))
		switch {
		case err != nil || nan != nil:
			found = append(found, unchecked("fail2ban.unsaid", health.Facts{Word: key}))
		case key == "bantime" && n >= 0 && n < guideBan: // less than zero: for ever
			found = append(found, warn("fail2ban.bantime", health.Facts{Count: n, Total: guideBan}))
		case key == "maxretry" && n > guideRetry:
			found = append(found, warn("fail2ban.maxretry", health.Facts{Count: n, Total: guideRetry}))
		}
	}
	now, _ := number(text, "Currently banned:")
	total, _ := number(text, "Total banned:")
	return append(found, ok("fail2ban.on", health.Facts{Count: now, Total: total}))
}

// number reads the number that follows a label in what a program writes.
func number(text, label string) (int, bool) {
	_, rest, there := strings.Cut(text, label)
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(strings.TrimSpace(line))
	return n, there && err == nil
}

// asRoot runs a program that only root may use, and says why it could not tell anything.
func (s *scene) asRoot(ctx context.Context, name string, args ...string) (string, *health.Finding) {
	_, err := find(name)
	if err == nil && os.Geteuid() != 0 {
		f := unchecked("not_root", health.Facts{Word: name})
		return "", &f
	}
	var text string
	if err == nil {
		text, err = run(ctx, name, args...)
	}
	var f health.Finding
	switch {
	case err == nil:
		return text, nil
	case errors.Is(err, errAbsent):
		f = unchecked("absent", health.Facts{Word: name})
	case ctx.Err() != nil:
		f = unchecked("slow", health.Facts{Took: s.cfg.Within})
	default:
		f = unchecked("unseen", health.Facts{Text: err.Error()})
	}
	return "", &f
}
