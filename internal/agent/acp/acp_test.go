package acp

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hapi/internal/agent"
	"hapi/internal/agent/child"
	"hapi/internal/wire"
)

func say(t *testing.T, c agent.Conversation, text string) error {
	t.Helper()
	return c.Prompt(t.Context(), agent.Prompt{Text: text})
}

// failsWith says a prompt and wants it to fail in words.
func failsWith(t *testing.T, c agent.Conversation, text string, kind agent.FailureKind, words string) {
	t.Helper()
	var failed *agent.Failure
	if err := say(t, c, text); !errors.As(err, &failed) || failed.Kind != kind || !strings.Contains(failed.Text, words) {
		t.Errorf("it ended with %v, want kind %d with %q", err, kind, words)
	}
}

func TestAgentThatIsNotInstalledIsNamed(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	c := open(t, "echo", r, agent.Options{Path: filepath.Join(t.TempDir(), "nothing")})
	failsWith(t, c, "Hello", agent.NotInstalled, "Fake is not installed")
}

func TestAgentThatWantsALoginSaysHow(t *testing.T) {
	t.Parallel()
	failsWith(t, open(t, "no-login", &recorder{}, agent.Options{}), "Hello", agent.NotLoggedIn, "Fake is not logged in on this machine")
}

func TestProgramThatIsNoAgentIsExplained(t *testing.T) {
	t.Parallel()
	failsWith(t, open(t, "no-version", &recorder{}, agent.Options{}), "Hello", agent.Crashed, "which version of the protocol")
}

func TestGarbageEndsTheProcessNotTheConversation(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	c := open(t, "garbage", r, agent.Options{})
	failsWith(t, c, "Spoil it", agent.Stopped, "console.log debugging, oops")
	if err := say(t, c, "again"); err != nil {
		t.Fatal(err)
	}
	if got := r.texts("message"); !strings.HasSuffix(got, "You said again") {
		t.Errorf("the agent said %q", got)
	}
}

func TestBannerBeforeTheFirstMessageDoesNoHarm(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	if err := say(t, open(t, "echo+banner", r, agent.Options{}), "hello"); err != nil {
		t.Fatal(err)
	}
	if got := r.texts("message"); got != "You said hello" {
		t.Errorf("the agent said %q", got)
	}
}

// lastWords is how often an agent that dies says something before.
const lastWords = 1000

func TestDeathInATurnIsToldWithItsReason(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	c := open(t, "dies", r, agent.Options{})
	failsWith(t, c, "Die", agent.Crashed, "Fake ended unexpectedly (exit code 7): out of memory")
	if err := say(t, c, "again"); err != nil {
		t.Fatal(err)
	}
	if got := r.texts("message"); strings.Count(got, "I am going.") != lastWords || !strings.HasSuffix(got, "You said again") {
		t.Errorf("the agent said %q", got)
	}
}

func TestAgentThatCannotCompactSaysSo(t *testing.T) {
	t.Parallel()
	failsWith(t, open(t, "echo", &recorder{}, agent.Options{}), "/compact please", agent.CompactFailed, "Fake cannot shorten its conversation")
}

func TestWhyATurnStoppedIsTold(t *testing.T) {
	t.Parallel()
	failsWith(t, open(t, "limits", &recorder{}, agent.Options{}), "Go", agent.Stopped, "limit of tokens")
}

func TestLastWordsAfterTheAnswerAreShown(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	if err := say(t, open(t, "late", r, agent.Options{}), "Go"); err != nil {
		t.Fatal(err)
	}
	r.waitFor("the last words", func() bool { return r.texts("message") == "One more thing." })
}

func TestFloodOfUpdatesIsTakenWhole(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	if err := say(t, open(t, "flood", r, agent.Options{}), "Go"); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(r.texts("message"), "word "); got != 5000 {
		t.Errorf("%d words came, want 5000", got)
	}
}

func TestReplayIsNotShownAgain(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	if err := say(t, open(t, "replay", r, agent.Options{Resume: "fake-1"}), "hello"); err != nil {
		t.Fatal(err)
	}
	if got := r.texts("message"); got != "You said hello" {
		t.Errorf("the conversation has %q", got)
	}
}

func TestAConversationThatCannotBeOpenedIsKeptUntilItIsGivenUp(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	conv := open(t, "lost", r, agent.Options{Resume: "fake-0"})
	for range 2 { // it is tried again
		failsWith(t, conv, "hello", agent.NotResumed, "Fake cannot open the earlier conversation: Session not found.")
	}
	if got := r.texts("message"); got != "" {
		t.Errorf("the conversation has %q", got)
	}
	if err := conv.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := say(t, conv, "hello"); err != nil {
		t.Fatal(err)
	}
	if got := r.texts("message"); got != "You said hello" {
		t.Errorf("anew, the conversation has %q", got)
	}
}

func TestAgentThatCannotOpenConversationsBeginsAnewAndThatIsSaid(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	if err := say(t, open(t, "echo", r, agent.Options{Resume: "fake-0"}), "hello"); err != nil {
		t.Fatal(err)
	}
	if got := r.texts("message"); !strings.Contains(got, "It begins a new one.|You said hello") {
		t.Errorf("the conversation has %q", got)
	}
}

func TestModelThatCannotBeChangedIsToldAndGivenUp(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	c := open(t, "echo", r, agent.Options{Config: agent.Config{Model: "b"}})
	for range 2 {
		if err := say(t, c, "hello"); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.texts("message"); strings.Count(got, `did not take the model "b"`) != 1 || r.config.Model != "" {
		t.Errorf("the conversation has %q, the model is %q; want it told once", got, r.config.Model)
	}
	if err := c.Configure(t.Context(), agent.Config{Model: "b"}); err == nil {
		t.Error("the model was taken")
	}
}

func TestUnknownThingsAreRefusedInWordsOrIgnored(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	if err := say(t, open(t, "unknown", r, agent.Options{}), "Go"); err != nil {
		t.Fatal(err)
	}
	if got := r.texts("message"); !strings.Contains(got, `"code":-32601`) || !strings.Contains(got, "Method not found: vendor/ask") {
		t.Errorf("the agent was told %q", got)
	}
}

func TestRequestWithIDZeroIsAnswered(t *testing.T) {
	t.Parallel()
	r := &recorder{decide: func(q agent.PermissionRequest) agent.Decision { return agent.Decision{ID: q.ID, Approved: true} }}
	if err := say(t, open(t, "tools", r, agent.Options{}), "Go"); err != nil {
		t.Fatal(err)
	}
	if len(r.asked) != 1 || string(r.asked[0].Arguments) != `{"command":"ls"}` || r.asked[0].Tool != "ls" {
		t.Errorf("asked %+v, want ls with its command", r.asked)
	}
	last := r.rows[len(r.rows)-1]
	if last["type"] != "tool-call-result" || !strings.Contains(last["output"].(string), `"optionId":"y"`) {
		t.Errorf("the last row is %v, want the result with the answer", last)
	}
	for _, row := range r.rows {
		if row["type"] == "tool-call" && row["input"].(map[string]any)["command"] != "ls" {
			t.Errorf("an empty input replaced the good one: %v", row)
		}
	}
}

func TestOddRequestsAreAnsweredWithoutGuessing(t *testing.T) {
	t.Parallel()
	r := &recorder{decide: func(q agent.PermissionRequest) agent.Decision { return agent.Decision{ID: q.ID, Approved: true} }}
	if err := say(t, open(t, "odd", r, agent.Options{}), "Go"); err != nil {
		t.Fatal(err)
	}
	got := r.texts("message")
	if !strings.Contains(got, `"optionId":"first"`) || strings.Count(got, `"outcome":"cancelled"`) != 2 {
		t.Errorf("the agent was told %q", got)
	}
	for _, q := range r.asked {
		if string(q.Arguments) != "null" || q.Tool != "do it" {
			t.Errorf("a person was asked %+v", q)
		}
	}
}

func TestEveryKindOfContentIsShown(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	if err := say(t, open(t, "kinds", r, agent.Options{}), "Go"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range r.rows {
		if row["live"] != true {
			got = append(got, fmt.Sprintf("%s %v", row["type"], cmp.Or(row["message"], row["entries"], row["info"])))
		}
	}
	want := []string{
		"reasoning Let me see.",
		"message Look: ",
		"generated-image PIC",
		"message *Fake sent an audio (audio/wav), which cannot be shown: illegal base64 data at input byte 3.*",
		"message [the docs](https://docs.test/)",
		"message \n\nfile:///a.md\n\n````\n```\ncode\n```\n````\n\n",
		"generated-image BLOB",
		"message \n*Fake sent content that is not known here: hologram.*\n",
		"message Claude AI usage limit reached|1700000000|five_hour",
		"plan [map[content:First priority:high status:completed]]",
		"token_count map[contextTokens:500 modelContextWindow:1000 total:map[inputTokens:0 outputTokens:0]]",
		"token_count map[contextTokens:600 modelContextWindow:1000 total:map[inputTokens:0 outputTokens:0]]",
		"token_count map[contextTokens:600 modelContextWindow:1000 total:map[cacheWriteInputTokens:7 cachedInputTokens:5 inputTokens:22 outputTokens:4 thoughtTokens:2]]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the conversation has\n%q\nwant\n%q", got, want)
	}
	if !slices.Equal(r.titles, []string{"A good title"}) || len(r.offers) != 1 || !slices.Equal(r.offers[0].SlashCommands, []string{"review"}) {
		t.Errorf("titles %q and catalogs %v", r.titles, r.offers)
	}
}

func TestTextsThatAreSentWholeAreRecognisedForAllTheSession(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	c := open(t, "grows", r, agent.Options{})
	for _, text := range []string{"One", "a"} {
		if err := say(t, c, text); err != nil {
			t.Fatal(err)
		}
	}
	if thought, said := r.texts("reasoning"), r.texts("message"); thought != "One is what you said|a is what you said" || said != "One it is|a it is" {
		t.Errorf("it thought %q and said %q", thought, said)
	}
}

func TestAnAgentThatIsNotReadyYetIsAskedAgain(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	if err := say(t, open(t, "flaky", r, agent.Options{}), "hello"); err != nil {
		t.Fatal(err)
	}
	if got := r.texts("message"); got != "You said hello" {
		t.Errorf("the conversation has %q", got)
	}
}

func TestLimitsAreToldAndOtherBookkeepingIsNot(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"type":"rate_limit_event","rate_limit_info":{"status":"allowed","resetsAt":1700000000}}`:                                                        "",
		`{"type":"rate_limit_event","rate_limit_info":{"status":"allowed_warning","resetsAt":1700000000,"utilization":0.85,"rateLimitType":"five_hour"}}`: "Claude AI usage limit warning|1700000000|85|five_hour",
		`{"type":"output","data":{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1700000000,"rateLimitType":"seven_day"}}}`:  "Claude AI usage limit reached|1700000000|seven_day",
		`{"type":"rate_limit_event","rate_limit_info":{"status":"rejected"}}`:                                                                             "",
		`{"type":"rate_limit_event","rate_limit_info":"odd"}`:                                                                                             "",
		`{"type":"output","data":{"parentUuid":null,"sessionId":"s","userType":"external"}}`:                                                              "",
	} {
		if told, ours := limitText(text); !ours || told != want {
			t.Errorf("%s: %q, %v, want %q", text, told, ours, want)
		}
	}
	for _, text := range []string{"{", `{"type":"output"}`, `{"type":"json"}`, `[1]`, "words"} {
		if _, ours := limitText(text); ours {
			t.Errorf("%s is kept from people", text)
		}
	}
}

func TestFilesOutsideOfTheDirectoryAreRefused(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link.txt")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "own.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	c := open(t, "files", r, agent.Options{Dir: dir})
	for _, path := range []string{outside, filepath.Join(dir, "..", filepath.Base(filepath.Dir(outside)), "secret.txt"), filepath.Join(dir, "link.txt")} {
		if err := say(t, c, path); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.texts("message"); strings.Count(got, `"error"`) != 6 || strings.Contains(got, `"secret"`) {
		t.Errorf("the agent was told %s", got)
	}
	if raw, _ := os.ReadFile(outside); string(raw) != "secret" {
		t.Errorf("the file outside is %q", raw)
	}
	if err := say(t, c, filepath.Join(dir, "own.txt")); err != nil {
		t.Fatal(err)
	}
	if raw, _ := os.ReadFile(filepath.Join(dir, "own.txt")); string(raw) != "written" || !strings.Contains(r.texts("message"), `"content":"mine"`) {
		t.Errorf("the file inside is %q", raw)
	}
}

func TestPlanModeWritesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := &recorder{}
	c := open(t, "files", r, agent.Options{Dir: dir, Config: agent.Config{PermissionMode: wire.ModePlan}})
	if err := say(t, c, filepath.Join(dir, "new.txt")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "new.txt")); err == nil {
		t.Error("the file was written")
	}
}

func TestCommandRunsInTheDirectoryAndItsOutputIsLimited(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	c := open(t, "terminal", r, agent.Options{Dir: dir})
	if err := say(t, c, "head -c 5000 /dev/zero | tr '\\0' x; pwd; exit 3"); err != nil {
		t.Fatal(err)
	}
	_, raw, _ := strings.Cut(r.texts("message"), "\n")
	var answer struct {
		Result struct {
			Output     string
			Truncated  bool
			ExitStatus struct{ ExitCode *int }
		}
	}
	if err := json.Unmarshal([]byte(raw), &answer); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	got := answer.Result
	if len(got.Output) != 1000 || !got.Truncated || !strings.HasSuffix(got.Output, dir+"\n") || got.ExitStatus.ExitCode == nil || *got.ExitStatus.ExitCode != 3 {
		t.Errorf("the command gave %+v", got)
	}
}

func TestCommandEndsWithTheConversation(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	c := open(t, "terminal", r, agent.Options{})
	done := make(chan error, 1)
	go func() { done <- say(t, c, "sleep 300") }()
	r.waitFor("the command", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.rows) > 0
	})
	proc := c.(*conversation).proc
	sh := proc.shells.only()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	<-done
	select {
	case <-sh.done:
	default:
		t.Error("the command runs on")
	}
}

// only is the one command there is.
func (s *shells) only() *shell {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sh := range s.all {
		return sh
	}
	return nil
}

func TestOnlyTheOwnSessionsProcessesBearItsMark(t *testing.T) {
	t.Parallel()
	for want, env := range map[string][]string{
		"mine": {child.Mark + "=", "A=b", child.Mark + "=outer", child.Mark + "=mine"},
		"":     {child.Mark + "=outer", child.Mark + "="},
	} {
		if got := markOf(env); got != want {
			t.Errorf("%q: the mark is %q, want %q", env, got, want)
		}
	}
}

func TestGrowingTextIsJoinedAsItsAgentSendsIt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		pieces []string
		want   string
	}{
		"piece by piece":           {[]string{"Hello ", "wor", "ld", "d"}, "Hello world" + "d"},
		"a repeated piece":         {[]string{"ha", "ha", "ha"}, "hahaha"},
		"the whole again":          {[]string{"Hello", "Hello wor", "Hello world"}, "Hello world"},
		"a long beginning again":   {[]string{"This is how it began", "This is how it began, and went on"}, "This is how it began, and went on"},
		"one piece that looks so":  {[]string{"no", "note"}, "nonote"},
		"the same whole once more": {[]string{"One", "One two", "One two three", "One two three"}, "One two three"},
	} {
		var rows []map[string]any
		mode := undecided
		s := &segment{kind: "message", mode: &mode, now: time.Now, emit: func(row map[string]any) { rows = append(rows, row) }}
		for _, p := range test.pieces {
			s.add(p)
		}
		s.flush()
		if got := rows[len(rows)-1]["message"]; got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestGrowingTextIsShownMoreSeldomTheLongerItIs(t *testing.T) {
	t.Parallel()
	var sent, rows int
	mode, clock := delta, time.Unix(0, 0)
	s := &segment{kind: "message", mode: &mode, now: func() time.Time { return clock }, emit: func(row map[string]any) {
		rows++
		sent += len(row["message"].(string))
		if row["id"] == "" {
			t.Error("a snapshot has no id")
		}
	}}
	const pieces = 20_000
	for range pieces {
		clock = clock.Add(snapshotEvery)
		s.add("a word ")
	}
	s.flush()
	if whole := pieces * len("a word "); sent > 8*whole || rows < 10 {
		t.Errorf("%d bytes were sent in %d rows for a text of %d", sent, rows, whole)
	}
}

func TestWhatThePermissionModesDecide(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		mode             wire.PermissionMode
		name, call, kind string
		want             verdict
	}{
		{wire.ModeDefault, "bash", "c", "execute", ask},
		{wire.ModeDefault, "rm think.txt", "c", "execute", ask}, // a title is no name
		{wire.ModeDefault, "rm think.txt", "c", "", ask},
		{wire.ModeDefault, "think", "c", "think", approve},
		{wire.ModeDefault, "hapi_change_title", "c", "other", approve},
		{wire.ModeDefault, "x", "save_memory_1", "", approve},
		{wire.ModeYolo, "bash", "c", "execute", approveForSession},
		{wire.ModeBypassPermissions, "bash", "c", "execute", approveForSession},
		{wire.ModeSafeYolo, "bash", "c", "execute", approve},
		{wire.ModeAcceptEdits, "a.txt", "c", "edit", approve},
		{wire.ModeAcceptEdits, "ls", "c", "execute", ask},
		{wire.ModeReadOnly, "a.txt", "c", "read", approve},
		{wire.ModeReadOnly, "write_file", "c", "", ask},
		{wire.ModeReadOnly, "ls", "c", "execute", ask},
		{wire.ModeReadOnly, "rm -rf /", "c", "", ask},
		{wire.ModePlan, "a.txt", "c", "edit", refuse},
		{wire.ModePlan, "think", "c", "think", approve},
	} {
		if got := judge(test.mode, test.name, test.call, test.kind); got != test.want {
			t.Errorf("%s in mode %s is %d, want %d", test.name, test.mode, got, test.want)
		}
	}
}

func TestDecisionsSelectOptionsOfTheirKindOrNone(t *testing.T) {
	t.Parallel()
	once, always := option{ID: "o", Kind: allowOnce}, option{ID: "a", Kind: allowAlways}
	no, never := option{ID: "n", Kind: rejectOnce}, option{ID: "v", Kind: rejectAlways}
	yes := agent.Decision{Approved: true}
	for name, test := range map[string]struct {
		options []option
		d       agent.Decision
		want    string // empty: cancelled
	}{
		"approved":                     {[]option{always, once, no}, yes, "o"},
		"approved, always alone":       {[]option{always, no}, yes, "a"},
		"approved, nothing allows":     {[]option{no, never}, yes, ""},
		"for the session":              {[]option{once, always}, agent.Decision{Approved: true, Decision: wire.DecisionApprovedForSession}, "a"},
		"with tools for the session":   {[]option{once, always}, agent.Decision{Approved: true, AllowTools: []string{"Bash"}}, "a"},
		"for the session, once alone":  {[]option{once}, agent.Decision{Approved: true, Decision: wire.DecisionApprovedForSession}, "o"},
		"denied":                       {[]option{once, never, no}, agent.Decision{}, "n"},
		"denied, never alone":          {[]option{once, never}, agent.Decision{}, "v"},
		"denied, nothing that rejects": {[]option{once, always}, agent.Decision{}, ""},
		"denied, no options":           {nil, agent.Decision{}, ""},
	} {
		raw, err := json.Marshal(answer(test.options, test.d))
		if err != nil {
			t.Fatal(err)
		}
		want := `{"outcome":{"outcome":"cancelled"}}`
		if test.want != "" {
			want = `{"outcome":{"optionId":"` + test.want + `","outcome":"selected"}}`
		}
		if string(raw) != want {
			t.Errorf("%s: %s, want %s", name, raw, want)
		}
	}
}
