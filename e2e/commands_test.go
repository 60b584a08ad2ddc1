//go:build e2e

package e2e

import (
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"hapi/internal/modeltest"
)

func TestTheHubOfThisMachineStartsAlongAndEndsWithItsSession(t *testing.T) {
	w := newWorld(t)
	w.hub.kill()
	env := slices.DeleteFunc(w.env("HAPI_CLAUDE_PATH="+w.claude), func(pair string) bool {
		return strings.HasPrefix(pair, "HAPI_API_URL=") || strings.HasPrefix(pair, "HAPI_LISTEN_PORT=") // the settings have the port
	})
	alive := func() bool {
		res, err := http.Get(w.url("/health"))
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	}
	w.session = w.run(w.project, env)
	w.wait("a hub", alive)
	w.wait("the session", func() bool {
		status, _, err := w.tryCall(http.MethodGet, "/api/sessions", nil)
		if err != nil || status != http.StatusOK {
			return false
		}
		for _, s := range w.sessions() {
			if s.Active {
				w.id = s.ID
			}
		}
		return w.id != ""
	})
	w.model.Script(modeltest.Text("Here I am."))
	w.send("Hello", "local-1")
	w.waitSaid("Here I am.")
	w.id = ""
	w.session.signal(syscall.SIGTERM)
	<-w.session.done
	w.wait("the end of the hub", func() bool { return !alive() })
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }
