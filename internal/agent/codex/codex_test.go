package codex

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// fakes are the app-servers of the tests, by name.
var fakes = map[string]func(f *fake){
	"approval": func(f *fake) { // asks, and says what it was answered
		f.begin("U1")
		f.print(`{"id":0,"method":"item/commandExecution/requestApproval","params":{"threadId":"T1","turnId":"U1","itemId":"I1","reason":"needs network","command":"make","cwd":"/w"}}`)
		f.say("U1", string(f.next().Result))
		f.print(`{"id":"a7","method":"item/permissions/requestApproval","params":{"threadId":"T1","itemId":"I2","permissions":{"network":{"enabled":true}}}}`)
		r := f.next()
		f.say("U1", string(r.ID)+string(r.Result))
		f.end("U1", "completed")
		f.next()
	},
	"late": func(f *fake) { // the end of an interrupted turn comes in the next one
		f.begin("U1")
		f.say("U1", "begun")
		f.answer(f.next(), `{}`) // the interrupt
		f.end("U1", "interrupted")
		f.begin("U2")
		f.end("U1", "interrupted")
		f.fail("U0", `"other"`, "of nobody")
		f.say("U2", "second")
		f.end("U2", "completed")
		f.next()
	},
	"lost": func(f *fake) {
		f.threads = []string{`{"id":$ID,"error":{"code":-32600,"message":"no rollout found for thread"}}`, `{"id":$ID,"result":{"thread":{"id":"T1"},"model":"m1"}}`}
		f.talk("U1", "found")
		f.next()
	},
	"garbage": func(f *fake) {
		f.begin("U1")
		f.say("U1", "before")
		f.print("thread 'main' panicked")
		f.next()
	},
	"death": func(f *fake) {
		f.begin("U1")
		f.say("U1", "before")
		f.print(`{"method":"item/started","params":{"threadId":"T1","turnId":"U1","item":{"type":"commandExecution","id":"c1","command":"make"}}}`)
		fmt.Fprintln(os.Stderr, "out of memory")
		os.Exit(137)
	},
	"no planning": func(f *fake) {
		r := f.next()
		f.refuse(r, "turn/start.collaborationMode requires experimentalApi capability")
		r = f.talk("U1", "without")
		f.say("U1", string(r.Params))
		r = f.talk("U2", "still without")
		f.say("U2", string(r.Params))
		f.next()
	},
	"capacity": func(f *fake) {
		for i := range 3 {
			turn := fmt.Sprintf("U%d", i)
			f.begin(turn)
			f.fail(turn, `"serverOverloaded"`, "Selected model is at capacity")
		}
		f.talk("U9", "at last")
		f.next()
	},
	"no room": func(f *fake) {
		f.begin("U1")
		f.fail("U1", `"contextWindowExceeded"`, "too long")
		f.answer(f.next(), `{}`) // thread/compact/start
		f.notify("turn/started", `{"threadId":"T1","turn":{"id":"U2"}}`)
		f.notify("item/completed", `{"threadId":"T1","turnId":"U2","item":{"type":"contextCompaction","id":"x"}}`)
		f.end("U2", "completed")
		f.begin("U3")
		f.fail("U3", `"contextWindowExceeded"`, "still too long")
		f.next()
	},
	"steer": func(f *fake) { // takes the first, refuses the second, dies at the third
		f.begin("U1")
		f.say("U1", "begun")
		f.answer(f.next(), `{"turnId":"U1"}`)
		f.refuse(f.next(), "no active turn to steer")
		f.next()
		os.Exit(1)
	},
	"fork": func(f *fake) {
		for turns := 0; ; { // two turns, histories, forks, and a turn on a fork
			r := f.next()
			switch r.Method {
			case "turn/start":
				turns++
				thread := map[bool]string{true: "T1", false: "T2"}[turns < 3]
				f.answer(r, fmt.Sprintf(`{"turn":{"id":"U%d"}}`, turns))
				f.notify("item/completed", fmt.Sprintf(`{"threadId":%q,"turnId":"U%d","item":{"type":"agentMessage","id":"i%d","text":"on %s"}}`, thread, turns, turns, thread))
				f.notify("turn/completed", fmt.Sprintf(`{"threadId":%q,"turn":{"id":"U%d","status":"completed"}}`, thread, turns))
			case "thread/read":
				f.answer(r, `{"thread":{"turns":[{"id":"U1","items":[{"type":"userMessage","clientId":"local-0"}]},{"id":"U2","items":[{"type":"userMessage","clientId":"local-1"},{"type":"userMessage","clientId":"steered"}]}]}}`)
			case "thread/fork":
				if !strings.Contains(string(r.Params), `"lastTurnId":"U1"`) || !strings.Contains(string(r.Params), `"threadId":"T1"`) {
					f.refuse(r, "that is not what was to be forked: "+string(r.Params))
					continue
				}
				f.answer(r, `{"thread":{"id":"T2"}}`)
			default:
				f.refuse(r, "unknown method")
			}
		}
	},
	"system error": func(f *fake) { // again and again, and once more
		for range 4 {
			f.begin("U1")
			f.notify("thread/status/changed", `{"threadId":"T1","status":{"type":"systemError"}}`)
		}
		f.next()
	},
	"stumble": func(f *fake) {
		f.begin("U1")
		f.notify("thread/status/changed", `{"threadId":"T1","status":{"type":"systemError"}}`)
		f.notify("turn/completed", `{"threadId":"T1","turn":{"id":"U1","status":"failed","error":{"message":""}}}`)
		f.talk("U2", "gone through")
		f.begin("U3")
		f.notify("turn/completed", `{"threadId":"T1","turn":{"id":"U3","status":"failed","error":{"message":"at capacity","retryable":false}}}`)
		f.next()
	},
	"described error": func(f *fake) {
		f.begin("U1")
		f.notify("error", `{"threadId":"T1","turnId":"U1","error":{"message":"again"},"willRetry":true}`)
		f.notify("thread/status/changed", `{"threadId":"T1","status":{"type":"systemError"}}`)
		f.fail("U1", `"badRequest"`, "the better words")
		f.next()
	},
	"children": func(f *fake) {
		f.begin("U1")
		f.notify("item/completed", `{"threadId":"T2","turnId":"V1","item":{"type":"agentMessage","id":"x","text":"of a child"}}`)
		f.notify("turn/completed", `{"threadId":"T2","turn":{"id":"V1","status":"completed"}}`)
		f.say("U1", "of the parent")
		f.end("U1", "completed")
		f.next()
	},
	"questions": func(f *fake) {
		f.begin("U1")
		f.print(`{"id":4,"method":"item/tool/requestUserInput","params":{"threadId":"T1","turnId":"U1","itemId":"q1","questions":[{"id":"colour","header":"Colour","question":"Which?","options":[]}]}}`)
		f.say("U1", string(f.next().Result))
		f.print(`{"id":5,"method":"mcpServer/elicitation/request","params":{"threadId":"T1","serverName":"shop","mode":"form","message":"How many?","requestedSchema":{"properties":{"count":{"type":"integer"},"gift":{"type":"boolean"}},"required":["count"]}}}`)
		f.say("U1", string(f.next().Result))
		f.print(`{"id":6,"method":"attestation/generate","params":{}}`)
		f.say("U1", string(f.next().Error))
		f.end("U1", "completed")
		f.next()
	},
}

func TestApprovalsAreAnsweredAsDecided(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		decision agent.Decision
		want     string // of a command
		grants   string // of permissions
	}{
		{"approved", agent.Decision{Approved: true}, `{"decision":"accept"}`, `"a7"{"permissions":{"network":{"enabled":true}},"scope":"turn"}`},
		{"for the session", agent.Decision{Approved: true, Decision: wire.DecisionApprovedForSession}, `{"decision":"acceptForSession"}`, `"a7"{"permissions":{"network":{"enabled":true}},"scope":"session"}`},
		{"denied", agent.Decision{Decision: wire.DecisionDenied}, `{"decision":"decline"}`, `"a7"{"permissions":{"fileSystem":null,"network":null},"scope":"turn"}`},
		{"plainly denied", agent.Decision{}, `{"decision":"decline"}`, `"a7"{"permissions":{"fileSystem":null,"network":null},"scope":"turn"}`},
		{"stopped", agent.Decision{Decision: wire.DecisionAbort}, `{"decision":"cancel"}`, `"a7"{"permissions":{"fileSystem":null,"network":null},"scope":"turn"}`},
		{"a contradiction", agent.Decision{Approved: false, Decision: wire.DecisionApproved}, `{"decision":"decline"}`, `"a7"{"permissions":{"fileSystem":null,"network":null},"scope":"turn"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conv, h := open(t, "approval", agent.Options{})
			h.decide = func(agent.PermissionRequest) agent.Decision { return c.decision }
			h.prompt(conv, "do it")
			if said := h.said("message"); len(said) != 2 || said[0] != c.want || said[1] != c.grants {
				t.Errorf("codex was answered %q", said)
			}
			if id := h.asked[0].ID; id != "I1" {
				t.Errorf("the request has the id %q, want the item's", id)
			}
			if got, want := string(h.asked[0].Arguments), `{"command":"make","cwd":"/w","message":"needs network"}`; got != want {
				t.Errorf("people are shown %s, want %s", got, want)
			}
		})
	}
}

func TestYoloAsksNobody(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "approval", agent.Options{Config: agent.Config{PermissionMode: wire.ModeYolo}})
	h.prompt(conv, "do it")
	if said := h.said("message"); said[0] != `{"decision":"acceptForSession"}` || len(h.asked) != 0 || len(h.decided) != 2 {
		t.Errorf("codex was answered %q; %d were asked, %d decided", said, len(h.asked), len(h.decided))
	}
}

func TestLateEndOfAnInterruptedTurnDoesNotEndTheNext(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "late", agent.Options{})
	ended := make(chan error, 1)
	go func() { ended <- conv.Prompt(t.Context(), agent.Prompt{Text: "one"}) }()
	h.wait("the first turn", func() bool { return len(h.rows) > 0 })
	if err := conv.Interrupt(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, agent.ErrInterrupted) {
		t.Errorf("the first turn ended with %v", err)
	}
	h.prompt(conv, "two")
	if said := h.said("message"); !contains(said, "second") {
		t.Errorf("the second turn said %q", said)
	}
}

func TestThreadThatCannotBeResumedIsKept(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "lost", agent.Options{Resume: "T1"})
	failed := h.failure(conv.Prompt(t.Context(), agent.Prompt{Text: "hello"}))
	if failed.Kind != agent.NotResumed || !strings.Contains(failed.Text, "no rollout found") {
		t.Errorf("the turn failed with %+v", failed)
	}
	if len(h.ids) != 0 {
		t.Errorf("the conversation was said to be %q", h.ids)
	}
	h.prompt(conv, "hello again")
	if said := h.said("message"); !contains(said, "found") {
		t.Errorf("the second attempt said %q", said)
	}
}

func TestGarbageEndsTheProcessAndIsNotSilent(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "garbage", agent.Options{})
	failed := h.failure(conv.Prompt(t.Context(), agent.Prompt{Text: "hello"}))
	if failed.Kind != agent.Crashed || failed.Silent || !strings.Contains(failed.Text, "panicked") {
		t.Errorf("the turn failed with %+v", failed)
	}
}

func TestDeathInATurnClosesWhatIsOpen(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "death", agent.Options{})
	failed := h.failure(conv.Prompt(t.Context(), agent.Prompt{Text: "hello"}))
	if failed.Silent || !strings.Contains(failed.Text, "exit code 137") || !strings.Contains(failed.Text, "out of memory") {
		t.Errorf("the turn failed with %+v", failed)
	}
	if last := h.rows[len(h.rows)-1]; last["type"] != "tool-call-result" || last["callId"] != "c1" || last["is_error"] != true {
		t.Errorf("the last row is %v, want the command's end", last)
	}
}

func TestCodexWithoutPlanModeIsUsedWithout(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "no planning", agent.Options{})
	h.prompt(conv, "one")
	h.prompt(conv, "two")
	for _, said := range h.said("message") {
		if strings.Contains(said, "collaborationMode") {
			t.Errorf("a turn was started with %s", said)
		}
	}
	conv2, h2 := open(t, "no planning", agent.Options{Config: agent.Config{CollaborationMode: "plan"}})
	if failed := h2.failure(conv2.Prompt(t.Context(), agent.Prompt{Text: "plan"})); !strings.Contains(failed.Text, "no plan mode") {
		t.Errorf("the turn failed with %+v", failed)
	}
}

func TestBusyModelIsAskedAgain(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "capacity", agent.Options{})
	h.prompt(conv, "hello")
	if said := h.said("message"); !contains(said, "retrying same conversation (3/3)") || !contains(said, "at last") {
		t.Errorf("people were told %q", said)
	}
}

func TestMessageIsGivenAgainToAConversationThatStumbled(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "stumble", agent.Options{})
	h.prompt(conv, "hello")
	if said := h.said("message"); !contains(said, "retrying same conversation (1/3)") || !contains(said, "gone through") {
		t.Errorf("people were told %q", said)
	}
	failed := h.failure(conv.Prompt(t.Context(), agent.Prompt{Text: "more"}))
	if failed.Text != "Task failed: at capacity" {
		t.Errorf("what cannot go better was tried again: %q", failed.Text)
	}
}

func TestFailureIsToldInTheBestWordsThereAre(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"system error": "error of the conversation", "described error": "the better words"} {
		conv, h := open(t, name, agent.Options{})
		if failed := h.failure(conv.Prompt(t.Context(), agent.Prompt{Text: "hello"})); !strings.Contains(failed.Text, want) {
			t.Errorf("%s: the turn failed with %q, want %q", name, failed.Text, want)
		}
	}
}

func TestFullConversationIsCompactedOnce(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "no room", agent.Options{})
	failed := h.failure(conv.Prompt(t.Context(), agent.Prompt{Text: "hello"}))
	if failed.Text != "Task failed: still too long" {
		t.Errorf("the turn failed with %q", failed.Text)
	}
	if said := h.said("message"); !contains(said, "compacting, then retrying same conversation (1/1)") {
		t.Errorf("people were told %q", said)
	}
}

func TestSteerIsTakenRefusedOrUnknown(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "steer", agent.Options{})
	var refused *agent.NotSteered
	if err := conv.Steer(t.Context(), agent.Prompt{Text: "early"}); !errors.As(err, &refused) {
		t.Errorf("without a turn it is %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- conv.Prompt(t.Context(), agent.Prompt{Text: "one"}) }()
	h.wait("the turn", func() bool { return len(h.rows) > 0 })
	if err := conv.Steer(t.Context(), agent.Prompt{ID: "s1", Text: "more"}); err != nil {
		t.Errorf("the first is %v", err)
	}
	if err := conv.Steer(t.Context(), agent.Prompt{ID: "s2", Text: "more"}); !errors.As(err, &refused) {
		t.Errorf("the second is %v", err)
	}
	if err := conv.Steer(t.Context(), agent.Prompt{ID: "s3", Text: "more"}); !errors.Is(err, agent.ErrSteerUnknown) {
		t.Errorf("the third is %v", err)
	}
	<-ended
}

func TestForkEndsBeforeTheTurnOfAMessage(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "fork", agent.Options{})
	fork := conv.Methods()[wire.MethodFork]
	if _, err := fork(t.Context(), json.RawMessage(`{}`)); err == nil {
		t.Error("nothing was forked")
	}
	h.prompt(conv, "one")
	h.prompt(conv, "two")
	for _, params := range []string{`{"messageLocalId":"local-1"}`, `{"messageLocalId":"local-9"}`} {
		got, err := fork(t.Context(), json.RawMessage(params))
		if want := (wire.ForkResult{NativeSessionID: "T2"}); params == `{"messageLocalId":"local-1"}` && (err != nil || got != want) {
			t.Errorf("the fork is %+v, %v", got, err)
		} else if params == `{"messageLocalId":"local-9"}` && err == nil {
			t.Error("a message that is not known was forked at")
		}
	}
	if want := (agent.Past{ForkCurrent: true, ForkAtMessage: true, RewindToMessage: true}); h.past != want || !slices.Equal(h.began, []string{"local-1 U1", "local-1 U2"}) {
		t.Errorf("people know %+v, and of the turns %q", h.past, h.began)
	}
}

func TestRewoundConversationGoesOnWithWhatIsLeft(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "fork", agent.Options{})
	rewind := conv.Methods()[wire.MethodRewind]
	h.prompt(conv, "one")
	h.prompt(conv, "two")
	if _, err := rewind(t.Context(), json.RawMessage(`{"messageLocalId":"steered"}`)); err == nil {
		t.Error("it was cut in the middle of a turn")
	}
	got, err := rewind(t.Context(), json.RawMessage(`{"messageLocalId":"local-1"}`))
	if result, ok := got.(wire.RewindResult); err != nil || !ok || !result.Success || result.TruncateFrom != "local-1" {
		t.Fatalf("the rewind is %+v, %v", got, err)
	}
	h.prompt(conv, "three")
	if said := h.said("message"); !slices.Equal(h.ids, []string{"T1", "T2"}) || said[len(said)-1] != "on T2" {
		t.Errorf("the threads are %q, told is %q", h.ids, said)
	}
}

func TestSubAgentsDoNotSpeakForTheConversation(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "children", agent.Options{})
	h.prompt(conv, "hello")
	if said := h.said("message"); len(said) != 1 || said[0] != "of the parent" {
		t.Errorf("people were told %q", said)
	}
}

func TestEveryRequestGetsAnAnswer(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "questions", agent.Options{Config: agent.Config{PermissionMode: wire.ModeYolo}})
	h.decide = func(r agent.PermissionRequest) agent.Decision {
		if r.ID == "q1" {
			return agent.Decision{Approved: true, Answers: json.RawMessage(`{"colour":["Blue"]}`)}
		}
		return agent.Decision{Approved: true, Answers: json.RawMessage(`{"count":{"answers":["3"]},"gift":{"answers":["true"]}}`)}
	}
	h.prompt(conv, "hello")
	said := h.said("message")
	for i, want := range []string{
		`{"answers":{"colour":{"answers":["Blue"]}},"decision":"accept"}`,
		`{"_meta":null,"action":"accept","content":{"count":3,"gift":true}}`,
		"Method not found: attestation/generate",
	} {
		if !strings.Contains(said[i], want) {
			t.Errorf("codex was answered %s, want %s", said[i], want)
		}
	}
}

func TestPoliciesOfTheModes(t *testing.T) {
	t.Parallel()
	const granular = `{"granular":{"mcp_elicitations":true,"request_permissions":false,"rules":false,"sandbox_approval":false,"skill_approval":false}}`
	for _, c := range []struct {
		mode    wire.PermissionMode
		args    []string
		want    string
		sandbox string
	}{
		{"", nil, `"on-request"`, "workspace-write"},
		{wire.ModeReadOnly, nil, granular, "read-only"},
		{wire.ModeSafeYolo, nil, `"on-request"`, "workspace-write"},
		{wire.ModeYolo, nil, granular, "danger-full-access"},
		{wire.ModeDefault, []string{"-a", "untrusted", "--sandbox=read-only"}, `"untrusted"`, "read-only"},
		{wire.ModeDefault, []string{"-s", "read-only", "--yolo"}, granular, "danger-full-access"},
		{wire.ModeDefault, []string{"--yolo", "--full-auto"}, `"on-request"`, "workspace-write"},
		{wire.ModeReadOnly, []string{"--yolo"}, granular, "read-only"},
	} {
		p := policyOf(c.mode, parseOverrides(c.args))
		if raw := string(mustMarshal(p.approval)); raw != c.want || p.sandbox != c.sandbox {
			t.Errorf("mode %q with %q is %s in %s", c.mode, c.args, raw, p.sandbox)
		}
	}
}

func TestPromptAsInput(t *testing.T) {
	t.Parallel()
	c := &conversation{skills: []skill{{Name: "review", Path: "/s/review", Enabled: true}, {Name: "off", Path: "/s/off"}}}
	for _, p := range []struct {
		prompt agent.Prompt
		want   string
	}{
		{agent.Prompt{Text: "hello"}, `[{"text":"hello","type":"text"}]`},
		{agent.Prompt{Text: "$review the change"}, `[{"name":"review","path":"/s/review","type":"skill"},{"text":"the change","type":"text"}]`},
		{agent.Prompt{Text: "$review\nthe change"}, `[{"name":"review","path":"/s/review","type":"skill"},{"text":"the change","type":"text"}]`},
		{agent.Prompt{Text: "$off now"}, `[{"text":"$off now","type":"text"}]`},
		{agent.Prompt{Text: `read @"/a \"b\".txt" now`}, `[{"text":"read ","type":"text"},{"name":"a \"b\".txt","path":"/a \"b\".txt","type":"mention"},{"text":" now","type":"text"}]`},
		{agent.Prompt{Text: `mail me@"x"`}, `[{"text":"mail me@\"x\"","type":"text"}]`},
		{agent.Prompt{Text: ""}, `[{"text":"","type":"text"}]`},
		{
			agent.Prompt{Text: "look", Attachments: []wire.Attachment{{Path: "/u/a.png", MimeType: "image/png"}, {Path: "/u/b.txt"}}},
			`[{"path":"/u/a.png","type":"localImage"},{"text":"@/u/b.txt\n\nlook","type":"text"}]`,
		},
	} {
		if got := string(mustMarshal(c.input(p.prompt))); got != p.want {
			t.Errorf("%q is %s, want %s", p.prompt.Text, got, p.want)
		}
	}
}

func TestSlashCommandsAreToldFromTexts(t *testing.T) {
	t.Parallel()
	c := &conversation{}
	for text, want := range map[string]bool{
		"/status": true, "/plan do it": true, "/clear": false, "/compact": false, "/clear all": true, "/unknown": true,
		"/usr/bin/env is missing": false, "what is /status?": false, "/": false, "hello": false,
	} {
		if got := c.IsCommand(text); got != want {
			t.Errorf("%q is a command: %v, want %v", text, got, want)
		}
	}
}
