package health

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

// Redis is where the application's Redis is: an address that the bot reaches, or a service in whose container redis-cli is.
type Redis struct {
	Service  string
	Addr     string // host:port; set: asked there
	Password string // of AUTH; empty: it asks for none. It is never shown
}

func lookRedis(ctx context.Context, s *scene) []Check {
	k := check{name: "redis", service: s.Redis.Service}
	if s.Redis.Addr == "" && (s.Redis.Service == "" || s.Engine == nil) {
		return []Check{k.unchecked("off", Facts{Word: "redis.service"})}
	}
	begin := time.Now()
	var info string
	var err error
	if s.Redis.Addr != "" {
		info, err = s.Redis.Ask(ctx, "INFO")
	} else {
		argv, words := s.Redis.Words("INFO")
		info, err = s.inside(ctx, s.Redis.Service, words, argv...)
	}
	took := time.Since(begin)
	switch {
	case err != nil && ctx.Err() != nil:
		return []Check{k.unchecked("slow", Facts{Took: s.Within})}
	case errors.Is(err, docker.ErrNotRunning), errors.Is(err, errNoAnswer):
		return []Check{k.one(Failed, "redis.down", Facts{Text: s.text(err.Error(), shortText)})}
	case refuses(info, err, "WRONGPASS"):
		return []Check{k.unchecked("redis.wrong_password", Facts{})}
	case refuses(info, err, "NOAUTH"):
		return []Check{k.unchecked("redis.password", Facts{})}
	case err != nil && (errors.Is(err, docker.ErrUnreachable) || errors.Is(err, docker.ErrNoContainers) || errors.Is(err, docker.ErrForbidden)):
		return []Check{k.trouble(s, err)}
	case err != nil && strings.HasPrefix(err.Error(), "redis-cli ended"):
		return []Check{k.one(Failed, "redis.down", Facts{Text: s.text(err.Error(), shortText)})}
	case err != nil:
		return []Check{k.trouble(s, err)}
	}
	return []Check{k.redis(s, info, took)}
}

// redis reads what INFO says. Words that are not there are not taken for zero.
func (k check) redis(s *scene, info string, took time.Duration) Check {
	values := map[string]string{}
	for line := range strings.Lines(info) {
		if name, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			values[name] = v
		}
	}
	number := func(name string) int64 {
		n, err := strconv.ParseInt(values[name], 10, 64)
		if err != nil || n < 0 {
			return 0
		}
		return n
	}
	if values["redis_version"] == "" {
		return k.one(Failed, "redis.down", Facts{Text: s.text(strings.TrimSpace(info), shortText)})
	}
	f := Facts{Took: took, Bytes: number("used_memory"), Of: number("maxmemory"), Limit: s.Memory, Word: s.text(values["redis_version"], 40)}
	st := OK
	if f.Of > 0 {
		f.Percent = int(100 * f.Bytes / f.Of)
		// One that may throw away what is oldest is full by nature.
		if strings.HasPrefix(values["maxmemory_policy"], "noeviction") {
			st = level(f.Percent, s.Memory)
		}
	}
	ck := k.one(st, "redis.up", f)
	if values["loading"] == "1" {
		ck.Findings = append(ck.Findings, Finding{Warning, "redis.loading", Facts{}})
	}
	if n := number("evicted_keys"); n > 0 {
		up := time.Duration(min(number("uptime_in_seconds"), 1<<31)) * time.Second
		ck.Findings = append(ck.Findings, Finding{Warning, "redis.evicted", Facts{Count: int(min(n, 1<<53)), Age: up}})
	}
	for _, name := range []string{"rdb_last_bgsave_status", "aof_last_write_status"} {
		if v := values[name]; v != "" && v != "ok" {
			ck.Findings = append(ck.Findings, Finding{Warning, "redis.save", Facts{Word: name}})
		}
	}
	if values["master_link_status"] == "down" {
		ck.Findings = append(ck.Findings, Finding{Warning, "redis.master", Facts{}})
	}
	return ck
}

var errNoAnswer = errors.New("it does not answer")

// refuses tells whether an answer, or what came before it, is that refusal.
func refuses(info string, err error, word string) bool {
	if err != nil {
		return strings.Contains(err.Error(), word)
	}
	head, _, _ := strings.Cut(info, "# Server")
	return strings.Contains(head, word)
}

// Words are the command line by which redis-cli in a container asks for one command, and what it is to read. The password is in
// neither a command line nor an environment, where others could read it.
func (r Redis) Words(command string) (argv []string, stdin string) {
	if r.Password == "" {
		return []string{"redis-cli", command}, ""
	}
	var quoted strings.Builder
	for _, b := range []byte(r.Password) {
		fmt.Fprintf(&quoted, `\x%02x`, b) // nothing in it means anything to redis-cli
	}
	return []string{"redis-cli"}, `AUTH "` + quoted.String() + "\"\n" + command + "\n"
}

// Ask asks the server at the address for one command. Two commands and three forms of answer need no client library.
func (r Redis) Ask(ctx context.Context, command string) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.Addr)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	defer conn.Close() //nolint:errcheck // Nothing is written that matters.
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	in := bufio.NewReader(conn)
	say := func(words ...string) (string, error) {
		var text strings.Builder
		fmt.Fprintf(&text, "*%d\r\n", len(words))
		for _, w := range words {
			fmt.Fprintf(&text, "$%d\r\n%s\r\n", len(w), w)
		}
		if _, err := io.WriteString(conn, text.String()); err != nil {
			return "", fmt.Errorf("%w: %w", errNoAnswer, err)
		}
		return r.answer(in)
	}
	if r.Password != "" {
		// One that asks for no password says so, and answers all the same.
		if _, err := say("AUTH", r.Password); err != nil && !strings.Contains(err.Error(), "password configured") && !strings.Contains(err.Error(), "no password is set") {
			return "", err
		}
	}
	return say(command)
}

// answer reads a line, an error, or a text of a given length.
func (r Redis) answer(in *bufio.Reader) (string, error) {
	head, err := in.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	head = strings.TrimSpace(head)
	switch {
	case strings.HasPrefix(head, "+"):
		return head[1:], nil
	case strings.HasPrefix(head, "-"):
		return "", errors.New(head[1:])
	}
	n, err := strconv.Atoi(strings.TrimPrefix(head, "$"))
	if err != nil || !strings.HasPrefix(head, "$") || n < 0 || n > 1<<20 {
		return "", fmt.Errorf("%w: what is at %s is no Redis", errNoAnswer, r.Addr)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(in, b); err != nil {
		return "", fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	return string(b), nil
}
