package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/home"
	"hapi/internal/session"
	"hapi/internal/wire"
)

func TestWhatIsTypedGoesWhereItIsMeant(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ in, want string }{
		{"", "claude"},
		{"--model opus", "claude --model opus"},
		{"explain this repository", "claude explain this repository"},
		{"--resume abc", "claude --resume abc"},
		{"claude --yolo", "claude --yolo"},
		{"hub --port 1", "hub --port 1"},
		{"server", "server"},
		{"-v", "version"},
		{"claude x --version", "version"},
		{"claude -- -v", "claude -- -v"},
		{"completion bash", "completion bash"},
	} {
		got, err := normalise(newRoot(), strings.Fields(tt.in))
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("%q is %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
	for in, near := range map[string]string{"huv": "hub", "resum": "resume", "docter": "doctor", "aut": "auth"} {
		if _, err := normalise(newRoot(), []string{in}); err == nil || !strings.Contains(err.Error(), "hapi "+near) {
			t.Errorf("%q: %v, want a hint to %s", in, err, near)
		}
	}
}

func TestTheCommandLineOfClaude(t *testing.T) {
	t.Parallel()
	o, err := parseClaude(strings.Fields("--hapi-starting-mode local --permission-mode plan --yolo --model=opus --effort high --resume id --fork-session --add-dir /x -c -- --model raw -p"))
	if err != nil {
		t.Fatal(err)
	}
	if o.begin != session.Local || o.mode != wire.ModePlan || o.model != "opus" || o.effort != "high" || o.resume != "id" || !o.fork {
		t.Errorf("parsed %+v", o)
	}
	if want := strings.Fields("--add-dir /x -c --model raw -p"); !cmp.Equal(o.rest, want) {
		t.Errorf("claude gets %q, want %q", o.rest, want)
	}
	o, err = parseClaude([]string{"--resume", "--yolo"})
	if err != nil || o.resume != "" || !cmp.Equal(o.rest, []string{"--resume"}) || o.mode != wire.ModeBypassPermissions {
		t.Errorf("a bare --resume is %+v, %v; want Claude's own list", o, err)
	}
	for _, bad := range []string{"--hapi-starting-mode pty", "--permission-mode no", "--permission-mode", "--model", "--model=", "--effort", "--existing-session-id"} {
		if _, err := parseClaude(strings.Fields(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestLoopbackIsNeverProxied(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                          "localhost,127.0.0.1,::1",
		"a.example, LOCALHOST":      "a.example,LOCALHOST,127.0.0.1,::1",
		"a.example,*":               "a.example,*",
		"::1,127.0.0.1,a,localhost": "::1,127.0.0.1,a,localhost",
	} {
		if got := mergeNoProxy(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestASessionIsFoundByTheBeginningOfItsID(t *testing.T) {
	t.Parallel()
	var list []wire.ResumableSession
	for _, id := range []wire.SessionID{"abc-1", "abc-2", "abd"} {
		list = append(list, wire.ResumableSession{LocalResumeTarget: wire.LocalResumeTarget{SessionID: id}})
	}
	for in, want := range map[string]wire.SessionID{"abc-1": "abc-1", "abd": "abd", "abd ": "abd", "/sessions/abc-2": "abc-2", "other": "other", "abc": "", "two words": ""} {
		got, err := matchSession(list, in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestWhatCannotGoOnHereIsRefused(t *testing.T) {
	t.Parallel()
	c := &home.Client{MachineID: "m1"}
	good := wire.LocalResumeTarget{SessionID: "s1", Flavor: wire.FlavorClaude, Directory: t.TempDir(), MachineID: "m1", AgentSessionID: "native"}
	l, err := resumption(c, &good)
	if err != nil || l.existing != "s1" || l.open.Resume != "native" || l.begin != session.Local || !l.terminal {
		t.Errorf("got %+v, %v", l, err)
	}
	afar := good
	afar.Flavor = wire.FlavorGemini
	if l, err := resumption(c, &afar); err != nil || l.begin != session.Remote || l.terminal || l.agent.Flavor() != wire.FlavorGemini {
		t.Errorf("without a terminal of its own got %+v, %v", l, err)
	}
	for want, change := range map[string]func(*wire.LocalResumeTarget){
		"belongs to another machine": func(t *wire.LocalResumeTarget) { t.MachineID = "m2" },
		"directory does not exist":   func(t *wire.LocalResumeTarget) { t.Directory += "/gone" },
		"already controlled":         func(t *wire.LocalResumeTarget) { t.Active, t.ControlledByUser = true, true },
		"cannot go on in a terminal": func(t *wire.LocalResumeTarget) { t.Flavor = wire.FlavorPi },
	} {
		bad := good
		change(&bad)
		if _, err := resumption(c, &bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestHowLongAMessageWaits(t *testing.T) {
	t.Setenv("HAPI_WAIT_ACTIVE_SECS", "5")
	for in, want := range map[string]time.Duration{"": 5 * time.Second, "2": 2 * time.Second, "0.5": 500 * time.Millisecond, "0": 0, "-1": 0, "x": 0} {
		got, err := waitFor(in)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q is %v, %v, want %v", in, got, err, want)
		}
	}
}
