package acp

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"hapi/internal/wire"
)

func TestModelsOfADirectory(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	m := &Models{
		Spec:   Spec{Flavor: wire.FlavorOpencode, Label: "Fake", Command: exe, Env: []string{"FAKE_AGENT=echo"}},
		Inside: func(d string) bool { return strings.HasPrefix(d, dir) },
	}
	ask := func(params string) string {
		answer, err := m.Call(t.Context(), json.RawMessage(params))
		if err != nil {
			t.Fatal(err)
		}
		return string(mustMarshal(answer))
	}
	want := `{"availableModels":[{"modelId":"a","name":"a"},{"modelId":"b","name":"b"}],"currentModelId":"a","success":true}`
	if got := ask(`{"cwd":"` + dir + `"}`); got != want {
		t.Errorf("the models are %s, want %s", got, want)
	}
	for params, why := range map[string]string{`{"cwd":"/somewhere/else"}`: "workspace roots", `{"cwd":"here"}`: "whole path", `{}`: "required", `7`: "required"} {
		if got := ask(params); !strings.Contains(got, `"success":false`) || !strings.Contains(got, why) {
			t.Errorf("%s: %s, want it to say %q", params, got, why)
		}
	}
	m.Spec.Command, m.known = "/no/such/agent", nil
	if got := ask(`{"cwd":"` + dir + `"}`); !strings.Contains(got, "is not installed") {
		t.Errorf("without the agent: %s", got)
	}
}
