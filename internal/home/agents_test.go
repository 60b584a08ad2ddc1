package home

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func homeWith(t *testing.T, settings string) *Home {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "settings.json"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := Open(func(name string) (string, bool) { return dir, name == "HAPI_HOME" })
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAgentsOfTheSettings(t *testing.T) {
	t.Parallel()
	list, err := homeWith(t, `{"agents":[{"name":"goose","command":"/opt/goose","args":["acp"],"env":{"B":"2","A":"1"},"icon":"🪿"},{"name":"other","command":"x"}]}`).Agents()
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	if got := list[0]; got.Command != "/opt/goose" || !slices.Equal(got.Environment(), []string{"A=1", "B=2"}) || got.Icon != "🪿" {
		t.Errorf("the first is %+v", got)
	}
	if list, err := homeWith(t, `{}`).Agents(); err != nil || list != nil {
		t.Errorf("without any: %v, %v", list, err)
	}
}

func TestAgentsThatCannotBeUsedAreNamed(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]string{
		`{"agents":{}}`:                                                      "is not a list",
		`{"agents":[{"name":"a","command":7}]}`:                              "agent 1",
		`{"agents":[{"name":"Big Name","command":"x"}]}`:                     "small letters",
		`{"agents":[{"name":"--yolo","command":"x"}]}`:                       "small letters",
		`{"agents":[{"name":"claude","command":"x"}]}`:                       "knows an agent of that name",
		`{"agents":[{"name":"a"}]}`:                                          "no command",
		`{"agents":[{"name":"a","command":"x"},{"name":"a","command":"y"}]}`: "two of that name",
		`{"agents":[{"name":"a","command":"x","env":{"A=B":"c"}}]}`:          "environment",
		`{"agents":[{"name":"a","command":"x","icon":"not an icon"}]}`:       "its icon",
		`{"agents":[{"name":"a","command":"x","env":{"A":["s3cret"]}}]}`:     "agent 1",
	} {
		if _, err := homeWith(t, settings).Agents(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want it to say %q and no secret", settings, err, want)
		}
	}
}
