package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestTheDemoSpeaksTheLanguageThatIsAskedFor(t *testing.T) {
	t.Parallel()
	for locale, want := range map[string][]string{
		localeEn: {`"locale":"en"`, `"name":"Ana"`, "Service backend:8080 is down", "Unacknowledged"},
		localeZh: {`"locale":"zh-CN"`, `"name":"李娜"`, "服务 backend:8080 宕机", "待确认"},
	} {
		t.Run(locale, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(context.Background())
			stdout, stderr := &output{}, &output{}
			done := make(chan int, 1)
			go func() {
				done <- program(ctx, env{stdout: stdout, stderr: stderr}, []string{"demo", "--no-browser", "--locale", locale})
			}()
			t.Cleanup(func() {
				cancel()
				if code := <-done; code != exitDone {
					t.Errorf("demo ended with %d:\n%s", code, stderr)
				}
			})
			until(t, "the demo prints its address", 20*time.Second, func() bool { return demoAddress.MatchString(stdout.String()) })
			address := demoAddress.FindString(stdout.String())
			ask := func(method, path, body string) string {
				req, err := http.NewRequestWithContext(ctx, method, address+path, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/json")
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				b, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				return string(b)
			}
			until(t, "the bot takes an alert", 20*time.Second, func() bool {
				return strings.TrimSpace(ask(http.MethodPost, "api/alert", `{"as":"U01AAAA","name":"ServiceDown"}`)) == "{}"
			})
			say := `{"as":"U01AAAA","channel":"C0OPS","text":"@notebookbot oncall"}`
			if a := ask(http.MethodPost, "api/say", say); strings.TrimSpace(a) != "{}" {
				t.Errorf("a mention of the bot: %s", a)
			}
			var seen string
			missing := func() (out []string) {
				seen = ask(http.MethodGet, "api/state?as=U01AAAA", "")
				for _, w := range want {
					if !strings.Contains(seen, w) {
						out = append(out, w)
					}
				}
				return out
			}
			until(t, "the card is there", 20*time.Second, func() bool { return len(missing()) == 0 })
		})
	}
}
