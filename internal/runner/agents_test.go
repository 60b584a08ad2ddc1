package runner

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hapi/internal/wire"
)

// An agent of the machine's settings is offered to clients and started by its
// name; a name that no machine has is none.
func TestAgentsOfTheSettingsAreOfferedAndStarted(t *testing.T) {
	t.Parallel()
	url, dir := testHub(t), t.TempDir()
	o := options(t, dir)
	o.Client.APIURL.Text = url
	settings := fmt.Sprintf(`{"agents":[{"name":"sketch","command":%q,"icon":"✏️"},{"name":"gone","command":"/no/such/program"}]}`, o.Executable)
	if err := os.WriteFile(filepath.Join(dir, "settings.json"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	var grant struct{ Token string }
	hubCall(t, url, "", http.MethodPost, "/api/auth", `{"accessToken":"`+token+`"}`, &grant)
	m := startMachine(t, o)
	var configs []wire.AgentConfig
	m.wait("what the machine offers", func() bool {
		var list struct{ Machines []shownMachine }
		hubCall(t, url, grant.Token, http.MethodGet, "/api/machines", "", &list)
		if len(list.Machines) == 0 || list.Machines[0].RunnerState.Status != wire.RunnerRunning || list.Machines[0].RunnerState.Capabilities == nil {
			return false
		}
		configs = list.Machines[0].RunnerState.Capabilities.AgentConfigs
		return true
	})
	i := slices.IndexFunc(configs, func(c wire.AgentConfig) bool { return c.Flavor == "sketch" })
	if i < 0 || configs[i].Icon != "✏️" || len(configs[i].Fields) == 0 {
		t.Errorf("the machine offers %+v, want sketch among them", configs)
	}
	if slices.ContainsFunc(configs, func(c wire.AgentConfig) bool { return c.Flavor == wire.FlavorACP }) {
		t.Error("the machine offers an agent without a command")
	}
	var spawned struct {
		Type, Message string
		SessionID     string `json:"sessionId"`
	}
	hubCall(t, url, grant.Token, http.MethodPost, "/api/machines/machine-1/spawn", `{"directory":"`+dir+`","agent":"sketch"}`, &spawned)
	if spawned.Type != wire.SpawnSuccess || spawned.SessionID == "" {
		t.Errorf("spawn: %+v", spawned)
	}
	hubCall(t, url, grant.Token, http.MethodPost, "/api/machines/machine-1/spawn", `{"directory":"`+dir+`","agent":"gone"}`, &spawned)
	if spawned.Type != wire.SpawnError || !strings.Contains(spawned.Message, "`/no/such/program` of its settings was not found") {
		t.Errorf("spawn of what is not installed: %+v", spawned)
	}
	a, ok := m.r.find("sketch")
	in := wire.SpawnRequest{Agent: "sketch", ResumeSessionID: "r", ExistingSessionID: "e"}
	if got := strings.Join(a.args(&in), " "); !ok || got != "acp sketch --resume r --hapi-starting-mode remote --started-by runner --existing-session-id e" {
		t.Errorf("it is started by %q", got)
	}
	if _, ok := m.r.find("unheard-of"); ok {
		t.Error("an agent that nobody has was found")
	}
}
