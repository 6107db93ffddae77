package backup

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// key makes a key of age and gives its recipient and a file with its identity.
func key(t *testing.T) (recipient, file string) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "key.txt")
	if err := os.WriteFile(file, []byte("# a comment\n"+id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return id.Recipient().String(), file
}

func TestSecretsAreEncryptedAndProvenWithoutAKeyOnThisMachine(t *testing.T) {
	t.Parallel()
	realparts.Require(t, "age")
	recipient, file := key(t)
	s := newStory(t, func(c *Config) { c.Recipients = []string{recipient} })
	set := s.take(Full)
	p, _ := set.Part(PartSecrets)
	if !set.Proven() || p.Name != "secrets.tar.zst.age" || !p.Encrypted || len(set.Proof.Sealed()) > 0 {
		t.Errorf("proof = %+v", set.Proof)
	}
	name := filepath.Join(s.cfg.Dir, set.ID, p.Name)
	b, err := os.ReadFile(name)
	if err != nil || strings.Contains(string(b), "hunter2") || !strings.HasPrefix(string(b), "age-encryption.org/v1") {
		t.Errorf("it is not encrypted: %v", err)
	}
	// As a person opens it, with the program age.
	plain := s.run(strings.NewReader(s.run(nil, "age", "--decrypt", "--identity", file, name)), "zstd", "-dc")
	if !strings.Contains(plain, "hunter2") {
		t.Error("the secrets are not in it")
	}

	// Another process has no key: what was proven stays proven as long as its bytes are the same.
	s.open()
	again := s.prove(set.ID)
	if i := slices.IndexFunc(again.Parts, func(x PartProof) bool { return x.Name == p.Name }); !again.Good || again.Parts[i].State != PartUnchanged {
		t.Errorf("proven again: %+v", again)
	}
	if _, _, err := s.sets.OpenPart(set.ID, PartSecrets); problem(err) != "backup_sealed" {
		t.Errorf("opened without a key: %v", err)
	}
	s.cfg.IdentityFile = file
	s.open()
	to := t.TempDir()
	if err := s.sets.UnpackPart(t.Context(), set.ID, PartSecrets, to); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{".env"}, keysOf(tree(t, to))); d != "" {
		t.Error(d)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if p := s.prove(set.ID); p.Good {
		t.Error("damaged secrets are proven")
	}
}

func TestWhatNobodyHereCanOpenIsNotProvenAndSaysWhy(t *testing.T) {
	t.Parallel()
	recipient, file := key(t)
	s := newStory(t, func(c *Config) { c.Recipients, c.EncryptAll = []string{recipient}, true })
	d, err := s.sets.draft(Full, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.sets.take(t.Context(), d, nil); err != nil {
		t.Fatal(err)
	}
	s.open() // the process that made it is dead
	p := s.prove(d.ID)
	if p.Good || !strings.Contains(p.Why, "no identity") || len(p.Sealed()) != 5 {
		t.Errorf("proof = %+v", p)
	}
	s.cfg.IdentityFile = file
	s.open()
	if p := s.prove(d.ID); !p.Good {
		t.Errorf("proof with the identity = %+v", p)
	}
	// An incremental builds on the index that stays here, whose files are not read anew.
	s.put("uploads/three", "3")
	s.pass(1e9)
	s.cfg.IdentityFile = ""
	s.open()
	next := s.take(Incremental)
	if next.Kind != Incremental || next.Files.Changed != 1 || !next.Proven() {
		t.Errorf("next = %+v, %+v", next.Files, next.Proof)
	}
	for _, part := range next.Parts {
		if !part.Encrypted {
			t.Errorf("%s is not encrypted", part.Name)
		}
	}
	s.cfg.IdentityFile = file
	s.open()
	if d := cmp.Diff(s.onlyFiles(), s.unpacked(next.ID)); d != "" {
		t.Errorf("unpacked (-want +got):\n%s", d)
	}
}

func TestWrongKeysAreSaidAtTheStartAndNotQuoted(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(bad, []byte("AGE-SECRET-KEY-1HUNTER2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, cfg := range map[string]Config{
		"no recipient":           {Recipients: []string{"age1x"}},
		"all without recipients": {EncryptAll: true},
		"no such identity":       {IdentityFile: bad + "2"},
		"no identity":            {IdentityFile: bad},
	} {
		_, err := Open(cfg, nil, nil, nil)
		if err == nil || strings.Contains(err.Error(), "HUNTER2") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// problem gives the code of a problem.
func problem(err error) string {
	if p, ok := errors.AsType[*ops.Problem](err); ok {
		return p.Code
	}
	return ""
}

func keysOf(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
