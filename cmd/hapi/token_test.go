package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// runCommand runs the program as a person does, and gives what it printed.
func runCommand(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out, log bytes.Buffer
	root := newRoot()
	args, err := normalise(root, args)
	if err != nil {
		return "", err
	}
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&log)
	err = root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestTokenCommandsWithoutARunningHub(t *testing.T) {
	t.Setenv("HAPI_HOME", t.TempDir())
	for _, name := range []string{"CLI_API_TOKEN", "DB_PATH"} {
		t.Setenv(name, "")
		_ = os.Unsetenv(name)
	}
	secret, err := runCommand(t, "token", "create", "ci", "--namespace", "alice", "--expires", "90d", "--read-only")
	if err != nil || !strings.HasPrefix(secret, "hapi_") || strings.Count(secret, "\n") != 1 {
		t.Fatalf("created %q, %v", secret, err)
	}
	if _, err := runCommand(t, "token", "create", "ci"); err == nil || !strings.Contains(err.Error(), "revoke it first") {
		t.Errorf("created again: %v", err)
	}
	if _, err := runCommand(t, "token", "create", "x", "--expires", "soon"); err == nil || !strings.Contains(err.Error(), "--expires") {
		t.Errorf("expires soon: %v", err)
	}
	list, err := runCommand(t, "token", "list")
	if err != nil || !strings.Contains(list, "ci") || !strings.Contains(list, "alice") || !strings.Contains(list, "read") || strings.Contains(list, "hapi_") {
		t.Errorf("listed %q, %v", list, err)
	}
	if _, err := runCommand(t, "token", "revoke", "ci"); err != nil {
		t.Error(err)
	}
	if _, err := runCommand(t, "token", "revoke", "ci"); err == nil || !strings.Contains(err.Error(), "no token of this name") {
		t.Errorf("revoked again: %v", err)
	}
	if list, err := runCommand(t, "token", "list"); err != nil || !strings.Contains(list, "no named tokens") {
		t.Errorf("listed %q, %v", list, err)
	}
}
