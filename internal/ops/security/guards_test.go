package security

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/internal/ops/health"
)

// entry is a record of wtmp as glibc writes it.
func entry(kind int, user, host string, at time.Time) string {
	b := make([]byte, recordSize)
	binary.LittleEndian.PutUint16(b, uint16(kind))
	binary.LittleEndian.PutUint32(b[4:], 4711) // the pid
	binary.LittleEndian.PutUint32(b[timeAt:], uint32(at.Unix()))
	binary.LittleEndian.PutUint32(b[timeAt+4:], 123456)
	copy(b[lineAt:lineAt+32], "pts/0")
	copy(b[userAt:userAt+32], user)
	copy(b[hostAt:hostAt+256], host)
	return string(b)
}

func TestLoginsAreReadFromTheRecordsOfAWeek(t *testing.T) {
	t.Parallel()
	ago := func(h int) time.Time { return now.Add(-time.Duration(h) * time.Hour) }
	var failures []string
	for i := range 30 {
		failures = append(failures, entry(loginKind, []string{"root", "admin", "<!here>", "x"}[i%4], "203.0.113.9", ago(40-i)))
	}
	failures = append(failures, entry(loginKind, "kim", "198.51.100.7", ago(1)))
	s := machine(t, map[string]string{
		wtmp: entry(userKind, "old", "192.0.2.1", ago(24*8)) + entry(2, "reboot", "", ago(100)) + entry(userKind, "kim", "198.51.100.7", ago(90)) +
			entry(8, "", "", ago(80)) + entry(userKind, "root", "192.0.2.5", ago(50)) + entry(userKind, "lee", "203.0.113.9", ago(2)) + entry(userKind, "kim", "", ago(1)),
		btmp: strings.Join(failures, ""),
	})
	got := s.logins(t.Context())
	if f := finds(got, "logins.count"); f == nil || f.Facts.Count != 4 {
		t.Errorf("logins: %+v", got)
	}
	if f := finds(got, "logins.guessed"); f == nil || f.Facts.Account != "lee" || f.Facts.Where != "203.0.113.9" || f.Facts.Count != 30 || f.State != health.Failed {
		t.Errorf("who guessed: %+v", f)
	}
	if f := finds(got, "logins.root"); f == nil || f.Facts.Where != "192.0.2.5" || !f.Facts.At.Equal(ago(50).Add(123456*time.Microsecond)) {
		t.Errorf("root: %+v", f)
	}
	if f := finds(got, "logins.one"); f == nil || f.Facts.Account != "kim" || f.Facts.Where != "" {
		t.Errorf("the newest: %+v", f)
	}
	bad := s.failedLogins(t.Context())
	if f := finds(bad, "failed_logins.count"); f == nil || f.Facts.Count != 31 || f.Facts.Total != 2 {
		t.Errorf("failed logins: %+v", bad)
	}
	if f := finds(bad, "failed_logins.source"); f == nil || f.Facts.Where != "203.0.113.9" || f.State != health.Warning || len(f.Facts.Names) != 3 {
		t.Errorf("the worst source: %+v", f)
	}
}

func TestAWeekThatBeganInTheFileBeforeIsReadThere(t *testing.T) {
	t.Parallel()
	s := machine(t, map[string]string{
		btmp:        entry(loginKind, "a", "192.0.2.1", now.Add(-time.Hour)),
		btmp + ".1": entry(loginKind, "b", "192.0.2.2", now.Add(-9*24*time.Hour)) + entry(loginKind, "c", "192.0.2.3", now.Add(-48*time.Hour)),
	})
	if f := finds(s.failedLogins(t.Context()), "failed_logins.count"); f == nil || f.Facts.Count != 2 {
		t.Errorf("found %+v", f)
	}
}

func TestRecordsThatSomebodyWipedAreTold(t *testing.T) {
	t.Parallel()
	s := machine(t, map[string]string{
		wtmp: entry(userKind, "kim", "192.0.2.1", now.Add(-2*time.Hour)) + strings.Repeat("\x00", 2*recordSize) + entry(userKind, "kim", "", now.Add(-time.Hour)) + "half",
	})
	got := s.logins(t.Context())
	if f := finds(got, "logins.damaged"); f == nil || f.Facts.Count != 3 || f.State != health.Warning {
		t.Errorf("found %+v", codes(got))
	}
	if f := finds(got, "logins.count"); f == nil || f.Facts.Count != 2 {
		t.Errorf("the good ones: %+v", got)
	}
}

func TestOfMoreRecordsThanAreReadTheNewestAreAndThatIsSaid(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for i := range 1000 {
		all.WriteString(entry(loginKind, "x", "192.0.2.1", now.Add(time.Duration(i-1000)*time.Minute)))
	}
	list, bad, more, old, err := recordsSince(strings.NewReader(all.String()), int64(all.Len()), now.Add(-lately), 300)
	if err != nil || len(list) != 300 || bad != 0 || !more || old || !list[0].at.After(list[299].at) {
		t.Errorf("%d records, %d bad, more %v, old %v, %v", len(list), bad, more, old, err)
	}
}

func TestWithoutRecordsTheLogsAreAskedAndWithoutThoseItIsSaid(t *testing.T) {
	t.Parallel()
	none := machine(t, nil)
	if got := codes(append(none.logins(t.Context()), none.failedLogins(t.Context())...)); !slices.Equal(got, []string{"unchecked logins.absent", "unchecked failed_logins.absent"}) {
		t.Errorf("without anything: %v", got)
	}
	s := machine(t, map[string]string{authLog: `Nov 10 02:00:00 host sshd[1]: Failed password for root from 203.0.113.9 port 2 ssh2
Nov 24 02:00:00 host sshd[1]: Failed password for root from 203.0.113.9 port 2 ssh2
2026-11-24T03:00:00.123456+00:00 host sshd[1]: Failed password for invalid user root from 192.0.2.1 port 22 ssh2 from 203.0.113.9 port 2 ssh2
Nov 24 04:00:00 host sshd[1]: Accepted publickey for kim from 198.51.100.7 port 2 ssh2
Nov 24 05:00:00 host CRON[1]: Failed password for nothing
`})
	got := s.failedLogins(t.Context())
	if f := finds(got, "failed_logins.count"); f == nil || f.Facts.Count != 2 || f.Facts.Word != authLog {
		t.Errorf("of auth.log: %+v", got)
	}
	if f := finds(got, "failed_logins.source"); f == nil || f.Facts.Where != "203.0.113.9" || f.Facts.Count != 2 {
		t.Errorf("a name that holds an address: %+v", f)
	}
}

func TestUpdatesAreCountedAndThoseOfSecurityApart(t *testing.T) {
	t.Parallel()
	got := parseUpgrade(`NOTE: This is only a simulation!
Reading package lists...
The following packages will be upgraded:
  base-files libssl3 openssl
Inst base-files [12.4+deb12u5] (12.4+deb12u8 Debian:12.8/stable [amd64])
Inst libssl3 [3.0.11-1~deb12u2] (3.0.15-1~deb12u1 Debian:12.8/stable, Debian-Security:12/stable-security [amd64]) []
Inst openssl [3.0.11-1~deb12u2] (3.0.15-1~deb12u1 Debian-Security:12/stable-security [amd64])
Inst linux-image-generic (5.15.0.130.128 Ubuntu:22.04/jammy-updates, Ubuntu:22.04/jammy-security [amd64])
Inst ../evil (1 x)
Conf base-files (12.4+deb12u8 Debian:12.8/stable [amd64])
`)
	want := pending{all: []string{"base-files", "libssl3", "openssl", "linux-image-generic"}, security: []string{"libssl3", "openssl", "linux-image-generic"}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(pending{})); d != "" {
		t.Error(d)
	}
}

func TestSshdIsHeldAgainstTheGuide(t *testing.T) {
	t.Parallel()
	const guide = "Port 2222\nPermitRootLogin no\nPasswordAuthentication no\nPubkeyAuthentication yes\nMaxAuthTries 3\nClientAliveInterval 300\nClientAliveCountMax 2\n"
	for name, tt := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"none":            {nil, []string{"unchecked absent"}},
		"the guide's":     {map[string]string{sshdConfig: guide}, []string{"ok sshd.fine"}},
		"the defaults":    {map[string]string{sshdConfig: "# nothing\n"}, []string{"warning sshd.root", "warning sshd.password", "warning sshd.tries", "warning sshd.idle"}},
		"root":            {map[string]string{sshdConfig: "permitrootlogin=yes\n" + guide}, []string{"failed sshd.root"}},
		"the first holds": {map[string]string{sshdConfig: guide + "PermitRootLogin yes\n"}, []string{"ok sshd.fine"}},
		"for some only":   {map[string]string{sshdConfig: guide + "Match User backup\nPasswordAuthentication yes\n"}, []string{"ok sshd.fine"}},
		"included before": {map[string]string{sshdConfig: "Include /etc/ssh/sshd_config.d/*.conf\n" + guide, "/etc/ssh/sshd_config.d/50-cloud.conf": "PasswordAuthentication yes\n"}, []string{"warning sshd.password"}},
		"included after":  {map[string]string{sshdConfig: guide + "Include sshd_config.d/*.conf\n", "/etc/ssh/sshd_config.d/50-cloud.conf": "PasswordAuthentication yes\n"}, []string{"ok sshd.fine"}},
		"itself":          {map[string]string{sshdConfig: "Include sshd_config\nInclude sshd_config\n"}, []string{"unchecked unseen"}},
	} {
		if got := codes(machine(t, tt.files).sshd(t.Context())); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestTheFirewallIsReadFromWhatUfwSays(t *testing.T) {
	t.Parallel()
	const on = "Status: active\nLogging: on (low)\nDefault: deny (incoming), allow (outgoing), deny (routed)\nNew profiles: skip\n\nTo                         Action      From\n--                         ------      ----\n2222/tcp                   ALLOW IN    Anywhere\n443/tcp                    ALLOW IN    Anywhere\n"
	for text, want := range map[string]string{
		on: "ok firewall.on", "Status: inactive\n": "failed firewall.off", strings.Replace(on, "deny (incoming)", "allow (incoming)", 1): "failed firewall.open",
		"": "unchecked unseen", "Status: active\n": "unchecked unseen",
	} {
		if got := codes([]health.Finding{judgeUFW(text)})[0]; got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if f := judgeUFW(on); f.Facts.Count != 2 {
		t.Errorf("rules: %+v", f)
	}
}

func TestAReportOfLynisIsRead(t *testing.T) {
	t.Parallel()
	const report = "# Lynis Report\nreport_version_major=1\nreport_datetime_end=2026-11-24 10:00:00\nwarning[]=FIRE-4512|iptables module(s) loaded, but no rules active|-|-|\nwarning[]=NETW-2705\nsuggestion[]=SSH-7408|x|-|-|\nsuggestion[]=AUTH-9286|y|-|-|\nhardening_index=63\n"
	s := machine(t, map[string]string{lynisReport: report})
	got := s.lynis(t.Context())
	if c := codes(got); !slices.Equal(c, []string{"warning lynis.index", "warning lynis.warning", "warning lynis.warning", "ok scan.at"}) {
		t.Errorf("found %v", c)
	}
	if f := got[0].Facts; f.Count != 63 || f.Total != 2 || got[1].Facts.Word != "FIRE-4512" {
		t.Errorf("found %+v", got)
	}
	if c := codes(parseLynis("report_datetime_end=2026-11-24 10:00:00\n").findings()); !slices.Equal(c, []string{"unchecked lynis.unfinished"}) {
		t.Errorf("a report without its index: %v", c)
	}
}

func TestAReportOfTrivyIsRead(t *testing.T) {
	t.Parallel()
	h, err := parseTrivy(`{"SchemaVersion":2,"ArtifactName":"x","Results":[{"Target":"x (debian 12)","Vulnerabilities":[
		{"VulnerabilityID":"CVE-1","Severity":"CRITICAL","FixedVersion":"2"},{"VulnerabilityID":"CVE-2","Severity":"HIGH"},{"VulnerabilityID":"CVE-3","Severity":"LOW","FixedVersion":"2"}]},{"Target":"go"}]}`)
	if want := (holes{critical: 1, high: 1, mended: 1}); err != nil || h != want {
		t.Errorf("%+v, %v", h, err)
	}
	for _, text := range []string{"", "{}", "[]", "FATAL x"} {
		if _, err := parseTrivy(text); err == nil {
			t.Errorf("%q is taken for a report", text)
		}
	}
}

func TestWhoMayReadASecretIsJudged(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	const key = "-----BEGIN PRIVATE KEY-----\nx\n"
	put(t, at("opt/.env"), "A=1", 0o644)
	put(t, at("opt/good.env"), "A=1", 0o640)
	put(t, at("opt/written.env"), "A=1", 0o602)
	put(t, at("opt/ssl/fullchain.pem"), "-----BEGIN CERTIFICATE-----", 0o644)
	put(t, at("opt/ssl/live/privkey.pem"), key, 0o604)
	put(t, at("opt/tight/tls.key"), key, 0o600)
	put(t, at("closed/in/.env"), "A=1", 0o644)
	put(t, at("run/docker.sock"), "", 0o666)
	put(t, at("etc/group"), "root:x:0:\ndocker:x:999:kim,lee\n", 0o644)
	put(t, at("etc/passwd"), "root:x:0:0::/root:/bin/bash\nwww-data:x:33:33::/:/usr/sbin/nologin\n", 0o644)
	if err := os.Chmod(at("closed"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"backups", "tight-backups"} {
		if err := os.MkdirAll(at(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(at("tight-backups"), 0o700); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"/opt/.env": "failed files.readable", "/opt/good.env": "ok files.fine", "/opt/written.env": "failed files.writable", "/opt/ssl": "failed files.readable",
		"/opt/tight": "ok files.keys", "/closed/in/.env": "ok files.fine", "/opt/none": "unchecked files.absent",
		"/backups": "warning files.folder", "/tight-backups": "ok files.fine", "/run/docker.sock": "failed files.socket_open",
	}
	cfg := Config{Root: root, Folders: []string{"/backups", "/tight-backups"}, Socket: "/run/docker.sock"}
	if os.Geteuid() == 0 {
		put(t, at("opt/theirs.env"), "A=1", 0o600)
		if err := os.Chown(at("opt/theirs.env"), wwwUID, wwwUID); err != nil {
			t.Fatal(err)
		}
		want["/opt/theirs.env"] = "warning files.owner"
	}
	for name := range want {
		if strings.HasPrefix(name, "/opt") || strings.HasPrefix(name, "/closed") {
			cfg.Secrets = append(cfg.Secrets, name)
		}
	}
	s := sceneOf(cfg)
	for _, c := range s.files(t.Context()) {
		if got := strings.Join(codes(c.Findings), ", "); got != want[c.Subject] {
			t.Errorf("%s: %s, want %s", c.Subject, got, want[c.Subject])
		}
		delete(want, c.Subject)
		if f := finds(c.Findings, "files.socket_open"); f != nil && !slices.Equal(f.Facts.Names, []string{"kim", "lee"}) {
			t.Errorf("who may use the engine: %+v", f)
		}
	}
	if len(want) > 0 {
		t.Errorf("not looked at: %v", want)
	}
}

func FuzzRecordsOfStrangers(f *testing.F) {
	f.Add([]byte(entry(userKind, "kim", "192.0.2.1", now)))
	f.Add([]byte(strings.Repeat("\xff", recordSize)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			n := min(len(b), recordSize)
			r, err := parseRecord(b[:n])
			b = b[n:]
			if err != nil {
				continue
			}
			if r.kind < 1 || r.kind > mostUsed || r.at.Unix() <= 0 || len([]rune(r.user)) > 32 || len([]rune(r.host)) > 256 {
				t.Fatalf("it became %+v", r)
			}
			for _, c := range r.user + r.host + r.line {
				if c < ' ' || c == 0x7f || c == '\u202e' {
					t.Fatalf("a letter that is not to be shown: %+v", r)
				}
			}
		}
	})
}

func FuzzFailuresOfStrangers(f *testing.F) {
	f.Add("Nov 24 02:00:00 h sshd[1]: Failed password for invalid user a from b from 192.0.2.1 port 2 ssh2")
	f.Fuzz(func(t *testing.T, line string) {
		user, from, is := sshFailure(line)
		if is && (strings.ContainsAny(from, " \n") || strings.ContainsAny(user, "\x00\n\x1b")) {
			t.Fatalf("%q became %q from %q", line, user, from)
		}
		stamp(line, now)
	})
}

func FuzzSettingsOfSshd(f *testing.F) {
	f.Add("PermitRootLogin yes\nInclude x\nMatch all\n")
	f.Add("clientaliveinterval 99999999999999999999\nmaxauthtries -1")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseSSHD(strings.NewReader(text))
		if err != nil {
			return
		}
		for key, v := range settings(list) {
			if key != strings.ToLower(key) || strings.Contains(key+v, "\n") || key == "match" {
				t.Fatalf("%q became %q = %q", text, key, v)
			}
		}
		judgeSSHD(settings(list))
	})
}

func FuzzReportsOfScanners(f *testing.F) {
	f.Add("hardening_index=63\nwarning[]=A|b|c|\n")
	f.Add(`{"SchemaVersion":2,"Results":[{"Vulnerabilities":[{"Severity":"HIGH"}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		if r := parseLynis(text); r.index > 100 || len(r.findings()) == 0 {
			t.Fatalf("%q became %+v", text, r)
		}
		if h, err := parseTrivy(text); err == nil && h.mended > h.critical+h.high {
			t.Fatalf("%q became %+v", text, h)
		}
		parseUpgrade(text)
		judgeUFW(text)
	})
}
