package home

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// openAt opens a data directory with nothing but these variables around.
func openAt(t *testing.T, dir string, variables map[string]string) *Home {
	t.Helper()
	h, err := Open(func(name string) (string, bool) {
		if name == "HAPI_HOME" {
			return dir, true
		}
		v, ok := variables[name]
		return v, ok
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func hubOf(t *testing.T, dir string, variables map[string]string) *Hub {
	t.Helper()
	c, err := openAt(t, dir, variables).Hub(t.Context(), HubFlags{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheFirstStartMakesSecretsThatStay(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "hapi")
	first := hubOf(t, dir, nil)
	if first.Token.From != Generated || len(first.Token.Text) < 40 || len(first.JWTSecret) != 32 || first.OwnerID <= 0 {
		t.Errorf("the first start made %+v", first)
	}
	second := hubOf(t, dir, nil)
	if second.Token.Text != first.Token.Text || string(second.JWTSecret) != string(first.JWTSecret) || second.OwnerID != first.OwnerID {
		t.Error("the second start has other secrets")
	}
	if runtime.GOOS == "windows" {
		return
	}
	for name, want := range map[string]fs.FileMode{".": 0o700, "settings.json": 0o600, "jwt-secret.json": 0o600, "owner-id.json": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
}

func TestStartsAtOnceAgreeOnOneToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tokens := make([]string, 8)
	var starting sync.WaitGroup
	for i := range tokens {
		starting.Go(func() { tokens[i] = hubOf(t, dir, nil).Token.Text })
	}
	starting.Wait()
	for _, token := range tokens {
		if token != tokens[0] {
			t.Fatalf("tokens differ: %q", tokens)
		}
	}
}

func TestTheEnvironmentWinsAndIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, `{"listenPort":4000,"future":{"kept":true}}`)
	c := hubOf(t, dir, map[string]string{"HAPI_LISTEN_PORT": "5000", "HAPI_LISTEN_HOST": "0.0.0.0", "CLI_API_TOKEN": "from-the-environment-0123"})
	if c.Port.Text != "5000" || c.Host.Text != "0.0.0.0" || c.Token.Text != "from-the-environment-0123" {
		t.Errorf("got %s:%s and %s", c.Host.Text, c.Port.Text, c.Token.Text)
	}
	again := hubOf(t, dir, nil)
	if again.Host.Text != "0.0.0.0" || again.Token.Text != "from-the-environment-0123" {
		t.Errorf("the next start has %s and %s", again.Host.Text, again.Token.Text)
	}
	if again.Port.Text != "4000" {
		t.Errorf("the file's port became %s", again.Port.Text)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "settings.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s map[string]json.RawMessage
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(s["future"]), "kept") {
		t.Error("a key of another program is gone")
	}
}

func TestSettingsThatCannotBeAreRefusedByName(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		settings  string
		variables map[string]string
		want      string
	}{
		"broken file":      {settings: `{"cliApiToken":`, want: "settings.json"},
		"port":             {variables: map[string]string{"HAPI_LISTEN_PORT": "99999"}, want: `port "99999"`},
		"token with colon": {variables: map[string]string{"CLI_API_TOKEN": "a:b"}, want: "CLI_API_TOKEN"},
		"public URL":       {variables: map[string]string{"HAPI_PUBLIC_URL": "not a url"}, want: `public URL "not a url"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if test.settings != "" {
				write(t, dir, test.settings)
			}
			_, err := openAt(t, dir, test.variables).Hub(t.Context(), HubFlags{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to name %s", err, test.want)
			}
		})
	}
}

func write(t *testing.T, dir, settings string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "settings.json"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
}
