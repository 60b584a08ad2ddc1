//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"hapi/internal/agent/child"
	"hapi/internal/modeltest"
	"hapi/internal/wire"
)

// acpAgent is a real agent that speaks the Agent Client Protocol.
type acpAgent struct {
	name     string // of its command in hapi
	path     func(t *testing.T) string
	variable string // that says where it is
	nativeID string // metadata key
	shell    func(command string) modeltest.Turn
	write    func(path, content string) modeltest.Turn
	model    string // by default, as the model double sees it
	other    string // as a person chooses it
	seen     string // as the double sees that
}

var acpAgents = []acpAgent{
	{
		name: "opencode", path: opencodePath, variable: "HAPI_OPENCODE_PATH", nativeID: "opencodeSessionId",
		shell: func(command string) modeltest.Turn {
			return modeltest.ToolUse("bash", map[string]any{"command": command, "description": "do it"})
		},
		write: func(path, content string) modeltest.Turn {
			return modeltest.ToolUse("write", map[string]any{"filePath": path, "content": content})
		},
		model: "scripted", other: modeltest.OtherOpencodeModel, seen: "other",
	},
	{
		name: "gemini", path: geminiPath, variable: "HAPI_GEMINI_PATH", nativeID: "geminiSessionId",
		shell: func(command string) modeltest.Turn {
			return modeltest.ToolUse("run_shell_command", map[string]any{"command": command, "description": "do it"})
		},
		write: func(path, content string) modeltest.Turn {
			return modeltest.ToolUse("write_file", map[string]any{"file_path": path, "content": content})
		},
		other: "gemini-2.5-pro", seen: "gemini-2.5-pro",
	},
}

// withEach runs a journey with each of the agents.
func withEach(t *testing.T, journey func(t *testing.T, w *world, a acpAgent)) {
	for _, a := range acpAgents {
		t.Run(a.name, func(t *testing.T) { journey(t, newWorld(t), a) })
	}
}

func (w *world) startACP(a acpAgent, args ...string) {
	w.t.Helper()
	w.startSessionIn(w.env(a.variable+"="+a.path(w.t)), append([]string{a.name}, args...)...)
}

// anyRequest waits for a request that waits for a person, whatever its tool is
// called.
func (w *world) anyRequest() (wire.RequestID, wire.AgentRequest) {
	w.t.Helper()
	var id wire.RequestID
	var request wire.AgentRequest
	w.wait("a request", func() bool {
		for id, request = range w.state().Requests {
			return true
		}
		return false
	})
	return id, request
}

func TestACPTextTurn(t *testing.T) {
	withEach(t, func(t *testing.T, w *world, a acpAgent) {
		w.model.Script(modeltest.Text("Hello from the model.").Thinking("**Greeting** Somebody says hello."))
		w.startACP(a)
		w.send("Say hello", "local-1")
		w.waitSaid("Hello from the model.")
		w.waitSaid(`"ready"`)
		w.waitIdle()
		if got := w.model.Requests()[0].Last(); !strings.Contains(got, "Say hello") {
			t.Errorf("the model was asked %q", got)
		}
		if m := w.messages()[0]; m.LocalID == nil || *m.LocalID != "local-1" || m.InvokedAt == nil {
			t.Errorf("the prompt is %+v, want it taken", m)
		}
		if rows := w.codexRows("message"); len(rows) == 0 || rows[len(rows)-1]["message"] != "Hello from the model." {
			t.Errorf("the agent said %v", rows)
		}
		if len(w.codexRows("reasoning")) == 0 {
			t.Error("the thought is not in the conversation")
		}
		w.wait("a title and the native id", func() bool {
			var m map[string]json.RawMessage
			if err := json.Unmarshal(w.detail().Metadata, &m); err != nil {
				t.Fatal(err)
			}
			return m["summary"] != nil && len(m[a.nativeID]) > 2 && m["slashCommands"] != nil
		})
	})
}

func TestACPToolIsRunOnceApproved(t *testing.T) {
	withEach(t, func(t *testing.T, w *world, a acpAgent) {
		w.model.Script(a.shell("touch made.txt"), a.write(filepath.Join(w.project, "written.txt"), "some text\n"), modeltest.Text("It is made."))
		w.startACP(a)
		w.send("Make the files", "local-1")
		id, request := w.anyRequest()
		if w.exists("made.txt") {
			t.Error("the file was made before anybody allowed it")
		}
		if !strings.Contains(request.Tool+string(request.Arguments), "touch made.txt") {
			t.Errorf("the person is shown %s %s, want the command", request.Tool, request.Arguments)
		}
		w.approve(id, nil)
		w.wait("the next request", func() bool { next := w.state().Requests; return len(next) == 1 && next[id].Tool == "" })
		second, request := w.anyRequest()
		if !strings.Contains(string(request.Arguments), "some text") {
			t.Errorf("the person is shown %s, want what is written", request.Arguments)
		}
		w.approve(second, nil)
		w.waitSaid("It is made.")
		w.waitIdle()
		if raw, err := os.ReadFile(filepath.Join(w.project, "written.txt")); string(raw) != "some text\n" || !w.exists("made.txt") {
			t.Errorf("the files are not as asked: %q, %v", raw, err)
		}
		if done := w.state().CompletedRequests[id]; done.Status != wire.StatusApproved {
			t.Errorf("the request is %+v, want approved", done)
		}
		w.wait("the tools' results", func() bool { return len(w.codexRows("tool-call-result")) >= 2 })
		for _, r := range w.codexRows("tool-call-result") {
			if r["is_error"] == true {
				t.Errorf("a tool failed: %v", r)
			}
		}
		if all := w.conversation(); strings.Contains(all, "Method not found") {
			t.Errorf("an error of the protocol is shown:\n%s", all)
		}
	})
}

func TestACPToolIsNotRunWhenDenied(t *testing.T) {
	withEach(t, func(t *testing.T, w *world, a acpAgent) {
		w.model.When(func(r *modeltest.Request) bool { return strings.Contains(r.Last(), "something else") }, modeltest.Text("Then something else."))
		w.model.When(func(r *modeltest.Request) bool {
			return len(r.Tools) > 0 && !strings.Contains(r.Last(), "Make the file")
		}, modeltest.Text("All right."))
		w.model.Script(a.shell("touch made.txt"))
		w.startACP(a)
		w.send("Make the file", "local-1")
		id, _ := w.anyRequest()
		w.post(w.path("/permissions/"+string(id)+"/deny"), map[string]string{"decision": "denied"}, nil)
		w.waitIdle()
		if w.exists("made.txt") {
			t.Error("the file was made")
		}
		if done := w.state().CompletedRequests[id]; done.Status != wire.StatusDenied {
			t.Errorf("the request is %+v, want denied", done)
		}
		w.send("Do something else", "local-2")
		w.waitSaid("Then something else.")
	})
}

func TestACPInYoloModeNobodyIsAsked(t *testing.T) {
	withEach(t, func(t *testing.T, w *world, a acpAgent) {
		w.model.Script(a.shell("touch made.txt"), modeltest.Text("It is made."))
		w.startACP(a, "--yolo")
		w.send("Make the file", "local-1")
		w.waitSaid("It is made.")
		if !w.exists("made.txt") {
			t.Error("the file was not made")
		}
		w.wait("the decision on record", func() bool {
			for _, c := range w.state().CompletedRequests {
				return c.Decision == wire.DecisionApprovedForSession
			}
			return false
		})
	})
}

func TestACPTurnIsAborted(t *testing.T) {
	withEach(t, func(t *testing.T, w *world, a acpAgent) {
		gate := make(chan struct{}, 100)
		w.model.Script(modeltest.Slow("This goes on and on, and nobody wants to hear the end of it.", gate))
		w.startACP(a)
		w.send("Talk", "local-1")
		w.model.WaitRequests(t.Context(), 1)
		gate <- struct{}{}
		gate <- struct{}{}
		w.wait("the turn", func() bool { return w.detail().Thinking })
		w.post(w.path("/abort"), nil, nil)
		w.waitSaid("Aborted by user")
		w.waitIdle()
		w.model.Script(modeltest.Text("Something new."))
		w.send("Talk about something new", "local-2")
		w.waitSaid("Something new.")
		w.waitIdle()
	})
}

func TestACPAbortWithdrawsWhatIsAsked(t *testing.T) {
	withEach(t, func(t *testing.T, w *world, a acpAgent) {
		w.model.Script(a.shell("touch made.txt"))
		w.startACP(a)
		w.send("Make the file", "local-1")
		id, _ := w.anyRequest()
		w.post(w.path("/abort"), nil, nil)
		w.waitSaid("Aborted by user")
		w.waitIdle()
		if done := w.state().CompletedRequests[id]; done.Status != wire.StatusCanceled || w.exists("made.txt") {
			t.Errorf("the request is %+v, want canceled, and nothing made", done)
		}
		w.model.Script(modeltest.Text("Something new."))
		w.send("Talk", "local-2")
		w.waitSaid("Something new.")
	})
}

func TestACPConversationIsResumedAfterARestart(t *testing.T) {
	withEach(t, func(t *testing.T, w *world, a acpAgent) {
		w.model.Script(modeltest.Text("I will remember the green door."))
		w.startACP(a)
		w.send("Remember the green door", "local-1")
		w.waitSaid("I will remember")
		w.waitIdle()
		w.session.kill()
		if began := time.Now(); a.name == "gemini" {
			// Gemini names its files by the minute and overwrites the one it loads in the same.
			w.wait("the next minute", func() bool { return time.Now().Truncate(time.Minute).After(began) })
		}
		w.model.Script(modeltest.Text("It was green."))
		w.startACP(a, "--existing-session-id", string(w.id))
		w.send("Which door?", "local-2")
		w.waitSaid("It was green.")
		w.waitIdle()
		if asked := w.model.WaitRequests(t.Context(), 2)[1].All(); !strings.Contains(asked, "Remember the green door") || !strings.Contains(asked, "I will remember") {
			t.Errorf("the model was not told the earlier conversation:\n%s", asked)
		}
		if all := w.conversation(); strings.Count(all, "I will remember the green door.") != 1 || strings.Contains(all, "begins a new one") {
			t.Errorf("the conversation is not what it was:\n%s", all)
		}
	})
}

func TestACPModelIsChanged(t *testing.T) {
	withEach(t, func(t *testing.T, w *world, a acpAgent) {
		w.model.Script(modeltest.Text("First."), modeltest.Text("Second."))
		w.startACP(a)
		w.send("One", "local-1")
		w.waitSaid("First.")
		w.waitIdle()
		w.post(w.path("/model"), map[string]string{"model": a.other}, nil)
		w.send("Two", "local-2")
		w.waitSaid("Second.")
		w.waitIdle()
		requests := w.model.WaitRequests(t.Context(), 2)
		if a.model != "" && requests[0].Model != a.model || requests[1].Model != a.seen {
			t.Errorf("the models are %q and %q, want %q in the end", requests[0].Model, requests[1].Model, a.seen)
		}
		w.wait("the model on the session", func() bool { m := w.detail().Model; return m != nil && *m == a.other })
		status, body := w.call(http.MethodPost, w.path("/model"), map[string]string{"model": "no/such-model"})
		if status == http.StatusOK {
			t.Logf("the agent takes any model's name: %s", body)
		}
	})
}

func TestOpencodeModelsAreListed(t *testing.T) {
	w := newWorld(t)
	w.startACP(acpAgents[0])
	w.wait("the models", func() bool {
		status, body := w.call(http.MethodGet, w.path("/opencode-models"), nil)
		var out struct {
			Success   bool `json:"success"`
			Available []struct {
				ModelID string `json:"modelId"`
			} `json:"availableModels"`
			Current string `json:"currentModelId"`
		}
		if status != http.StatusOK || json.Unmarshal(body, &out) != nil || !out.Success {
			return false
		}
		return out.Current == modeltest.OpencodeModel && len(out.Available) == 2
	})
}

func TestACPNothingOutlivesTheSession(t *testing.T) {
	both := []string{"opencode", "gemini"}
	for _, c := range []struct {
		name    string
		agents  []string
		command string // with setsid it leaves its agent's process group
		end     func(w *world, family []child.Process)
	}{
		{"terminated", both, "setsid sleep 300 & sleep 300", func(w *world, _ []child.Process) { w.session.signal(syscall.SIGTERM) }},
		{"interrupted", both, "setsid sleep 300 & sleep 300", func(w *world, _ []child.Process) { w.session.signal(syscall.SIGINT) }},
		{"hung up", both[:1], "setsid sleep 300 & sleep 300", func(w *world, _ []child.Process) { w.session.signal(syscall.SIGHUP) }},
		{"archived", both[:1], "setsid sleep 300 & sleep 300", func(w *world, _ []child.Process) { w.post(w.path("/archive"), nil, nil) }},
		{"agent crashed", both[:1], "setsid sleep 300 & sleep 300", func(w *world, family []child.Process) {
			_ = syscall.Kill(family[0].PID, syscall.SIGKILL)
			w.waitSaid("OpenCode ended unexpectedly")
			w.session.signal(syscall.SIGTERM)
		}},
		{"aborted", both[:1], "sleep 300", func(w *world, family []child.Process) {
			w.post(w.path("/abort"), nil, nil)
			w.wait("the end of the command", func() bool {
				return !slices.ContainsFunc(family, func(p child.Process) bool { return isSleeping(p.PID) })
			})
			w.session.signal(syscall.SIGTERM)
		}},
		{"killed", both, "setsid sleep 300 & sleep 300", func(w *world, _ []child.Process) {
			w.session.kill()
			w.startSession("demo") // the next hapi on the machine finds what is left
		}},
	} {
		for _, a := range acpAgents {
			if !slices.Contains(c.agents, a.name) { // the transport is the same
				continue
			}
			t.Run(c.name+" "+a.name, func(t *testing.T) {
				w := newWorld(t)
				w.model.Script(a.shell(c.command))
				w.startACP(a, "--yolo")
				w.send("Sleep", "local-1")
				var family []child.Process
				w.wait("the command", func() bool {
					family = child.Descendants(w.session.cmd.Process.Pid)
					return slices.ContainsFunc(family, func(p child.Process) bool { return isSleeping(p.PID) })
				})
				ended := w.session.done
				c.end(w, family)
				<-ended
				w.wait("the end of all of them", func() bool {
					return !slices.ContainsFunc(family, func(p child.Process) bool { return alive(p.PID) })
				})
			})
		}
	}
}

func isSleeping(pid int) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && strings.HasPrefix(string(raw), "sleep")
}

func alive(pid int) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(raw), ") Z ")
}

// acpThat is a shell script in place of an agent.
func (w *world) acpThat(script string) string {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "agent")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func TestACPFailuresAreSaidOnceAndTheSessionGoesOn(t *testing.T) {
	for name, test := range map[string]struct{ script, said string }{
		"not installed": {"", "OpenCode is not installed on this machine"},
		"crash":         {`echo "segmentation something" >&2; exit 139`, "OpenCode ended unexpectedly (exit code 139): segmentation something"},
		"no protocol":   {`echo "Usage: nothing of the kind"; exit 1`, "OpenCode ended unexpectedly (exit code 1): Usage: nothing of the kind"},
		"no login": {
			`read l; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}'; read l; echo '{"jsonrpc":"2.0","id":2,"error":{"code":-32000,"message":"Authentication required"}}'; cat >/dev/null`,
			"OpenCode is not logged in on this machine",
		},
		"garbage": {
			`read l; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}'; read l; echo "oops"; cat >/dev/null`,
			"OpenCode wrote something that is not the Agent Client Protocol",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			path := filepath.Join(w.project, "missing")
			if test.script != "" {
				path = w.acpThat(test.script)
			}
			w.startSessionIn(w.env("HAPI_OPENCODE_PATH="+path), "opencode")
			w.send("Hello", "local-1")
			w.waitSaid(strings.ReplaceAll(test.said, `"`, `\"`))
			w.waitIdle()
			if n := strings.Count(w.conversation(), "OpenCode "); n != 1 {
				t.Errorf("it was said %d times, want once:\n%s", n, w.conversation())
			}
			_ = os.Remove(path) // it may not be there
			if err := os.Symlink(opencodePath(t), path); err != nil {
				t.Fatal(err)
			}
			w.model.Script(modeltest.Text("Now I am here."))
			w.send("And now?", "local-2")
			w.waitSaid("Now I am here.")
		})
	}
}

// TestAConversationThatIsGoneIsNotReplacedUnasked resumes what the agent does not
// have: nothing happens until a person has decided, and the prompt is given once.
func TestAConversationThatIsGoneIsNotReplacedUnasked(t *testing.T) {
	for name, start := range map[string]func(w *world){
		"OpenCode": func(w *world) { w.startACP(acpAgents[0], "--resume", "ses_4f1a7c0e2ffeA1b2C3d4E5f6G7") },
		"Codex":    func(w *world) { w.startCodex("resume", "019a0000-0000-7000-8000-000000000000") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.model.Script(modeltest.Text("I begin anew."))
			start(w)
			const tool = "request_user_input"
			decide := func(label string) {
				w.approve(w.request(tool), map[string]any{"answers": map[string]any{"resume": map[string]any{"answers": []string{label}}}})
			}
			w.send("Hello", "local-1")
			w.post(w.path("/permissions/"+string(w.request(tool))+"/deny"), map[string]any{}, nil)
			w.waitSaid("Your message was not given to it")
			w.waitIdle()
			w.send("Hello?", "local-2")
			w.request(tool)
			w.post(w.path("/abort"), map[string]any{}, nil)
			w.waitSaid("Aborted by user")
			w.waitIdle()
			w.send("Are you there?", "local-3")
			first := w.request(tool)
			decide("Try again")
			w.wait("the question after another try", func() bool {
				_, open := w.state().Requests[first]
				return !open && len(w.state().Requests) == 1
			})
			if n := len(w.model.Requests()); n != 0 {
				t.Errorf("the model was asked %d times before a person has decided", n)
			}
			decide("Start a new conversation")
			w.waitSaid("I begin anew.")
			w.waitIdle()
			asked := w.model.Requests()
			if last := asked[len(asked)-1].All(); strings.Count(last, "Are you there?") != 1 || strings.Contains(last, "Hello") {
				t.Errorf("the model was asked %q", last)
			}
			if !strings.Contains(w.conversation(), "Context was reset") {
				t.Error("it is not said that another conversation began")
			}
		})
	}
}

// TestAgentOfTheSettings starts an agent that hapi does not know, by its name and
// by its command: the demo, as if it were somebody else's.
func TestAgentOfTheSettings(t *testing.T) {
	w := newWorld(t)
	w.set("agents", []any{map[string]any{"name": "sketch", "command": hapi, "args": []string{"demo", "--acp"}, "env": map[string]string{"SKETCH": "1"}}})
	w.startSession("acp", "sketch")
	w.send("read", "local-1")
	w.waitSaid("There are no notes yet.")
	w.waitIdle()
	var m struct {
		Flavor string `json:"flavor"`
		Native string `json:"acpSessionId"`
	}
	w.wait("what the session is", func() bool {
		if err := json.Unmarshal(w.detail().Metadata, &m); err != nil {
			t.Fatal(err)
		}
		return m.Flavor == "sketch" && m.Native != ""
	})
	w.session.kill()
	w.startSession("acp", "sketch", "--existing-session-id", string(w.id))
	w.send("read", "local-2")
	w.wait("the second answer", func() bool { return strings.Count(w.conversation(), "There are no notes yet.") == 2 })
	if strings.Contains(w.conversation(), "begins a new one") {
		t.Error("the conversation was not resumed")
	}
	w.id = "" // another one
	w.startSession("acp", "--yolo", "--", hapi, "demo", "--acp")
	w.send("edit", "local-3")
	w.waitSaid("I have changed")
	if !w.exists("demo-notes.md") {
		t.Error("the file was not made")
	}
}

// set changes the settings, as a person with an editor does.
func (w *world) set(key string, value any) {
	w.t.Helper()
	path := filepath.Join(w.home, "settings.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	settings := map[string]any{}
	if err := json.Unmarshal(raw, &settings); err != nil {
		w.t.Fatal(err)
	}
	settings[key] = value
	if raw, err = json.Marshal(settings); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// TestDemo walks the tour that whoever tries hapi first walks.
func TestDemo(t *testing.T) {
	w := newWorld(t)
	w.startSession("demo")
	w.send("Hello", "local-1")
	for _, tool := range []string{"Edit demo-notes.md", "ls -l && echo done"} {
		w.approve(w.request(tool), nil)
	}
	w.approve(w.request("AskUserQuestion"), map[string]any{"answers": map[string][]string{"0": {"Green"}}})
	w.waitSaid("You like **green** best.")
	w.waitSaid("That was the tour.")
	w.waitIdle()
	w.wait("its plan as to-dos", func() bool { return strings.Contains(string(w.detail().Todos), "Count the lines") })
	w.send("fail", "local-2")
	w.waitSaid("Demo could not finish: the demo failed, because you asked it to")
	w.session.kill()
	w.startSession("demo", "--existing-session-id", string(w.id))
	w.send("read", "local-3")
	w.waitSaid("Changed by the demo")
	if strings.Contains(w.conversation(), "begins a new one") {
		t.Error("the conversation was not resumed")
	}
}

func TestOpencodeCompactsItsConversation(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("I will remember plover."), modeltest.Text("It was plover."))
	w.startACP(acpAgents[0])
	w.send("The word is plover", "local-1")
	w.waitSaid("I will remember plover.")
	w.waitIdle()
	w.send("/compact", "local-2")
	w.waitSaid("Compaction completed")
	w.waitIdle()
	if rows := w.codexRows("reasoning"); len(rows) != 1 || rows[0]["message"] != "In short: a test." {
		t.Errorf("the summary is shown as %v", rows)
	}
	if rows := w.codexRows("message"); len(rows) != 1 {
		t.Errorf("besides, the agent said %v", rows)
	}
	w.send("What was the word?", "local-3")
	w.waitSaid("It was plover.")
	if got := w.model.Requests()[1].All(); !strings.Contains(got, "In short: a test.") || strings.Contains(got, "I will remember plover.") {
		t.Errorf("after the compaction the model is told %q", got)
	}
}

func TestOpencodeTellsThatItsModelIsAskedAgain(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Fail(http.StatusTooManyRequests, "rate_limit_error", "Slow down please"), modeltest.Text("Here I am."))
	w.startACP(acpAgents[0])
	w.send("Are you there?", "local-1")
	w.waitSaid("Here I am.")
	w.waitSaid(`"subtype":"api_error"`)
	if !strings.Contains(w.conversation(), `"retryAttempt":1`) {
		t.Errorf("the retry is not told:\n%s", w.conversation())
	}
}
