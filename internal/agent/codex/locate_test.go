package codex

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hapi/internal/agent"
	"hapi/internal/agent/hook"
)

// silentTerminal is one whose hooks are silent, in a bubble of time.
type silentTerminal struct {
	*terminal
	h    *testHost
	home string
	dir  string
}

func newSilent(t *testing.T) *silentTerminal {
	t.Helper()
	s := &silentTerminal{h: &testHost{t: t, changed: make(chan struct{})}, home: t.TempDir(), dir: t.TempDir()}
	s.rollout(t, "old", s.dir, `"cli"`, "said before")
	s.terminal = &terminal{host: s.h, log: slog.New(slog.DiscardHandler), rollout: newRollout(s.h, "", agent.Config{}), wake: make(chan struct{}, 1)}
	s.locator = newLocator(s.home, s.dir, time.Now())
	return s
}

// run follows it until the test ends.
func (s *silentTerminal) run(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancelCause(t.Context())
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		s.follow(ctx)
	}()
	t.Cleanup(func() {
		stop(reasonEnded)
		<-followed
		s.asking.Wait()
	})
}

// rollout is a conversation in which a person says something, and is answered.
func (s *silentTerminal) rollout(t *testing.T, id, cwd, source, prompt string) string {
	t.Helper()
	now := time.Now().UTC()
	dir := filepath.Join(s.home, "sessions", now.Format("2006"), now.Format("01"), now.Format("02"))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	at := `{"timestamp":"` + now.Format(time.RFC3339Nano) + `",`
	path := filepath.Join(dir, "rollout-x-"+id+".jsonl")
	write(t, path, strings.Join([]string{
		at + fmt.Sprintf(`"type":"session_meta","payload":{"id":%q,"cwd":%q,"source":%s}}`, id, cwd, source),
		at + fmt.Sprintf(`"type":"event_msg","payload":{"type":"user_message","message":%q}}`, prompt),
		at + fmt.Sprintf(`"type":"event_msg","payload":{"type":"agent_message","message":"answer of %s"}}`, id),
	}, "\n")+"\n")
	return path
}

// questions are what was asked, by their options.
func (s *silentTerminal) questions(t *testing.T) [][]string {
	t.Helper()
	s.h.mu.Lock()
	defer s.h.mu.Unlock()
	var all [][]string
	for _, r := range s.h.asked {
		var in struct {
			Questions []struct {
				Options []struct {
					Label string `json:"label"`
				} `json:"options"`
			} `json:"questions"`
		}
		if err := json.Unmarshal(r.Arguments, &in); err != nil {
			t.Fatal(err)
		}
		var labels []string
		for _, o := range in.Questions[0].Options {
			labels = append(labels, o.Label)
		}
		all = append(all, labels)
	}
	return all
}

func (s *silentTerminal) bound() []string {
	s.h.mu.Lock()
	defer s.h.mu.Unlock()
	return slices.Clone(s.h.ids)
}

func TestTheOnlyConversationBegunSinceIsTheTerminals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSilent(t)
		s.run(t)
		time.Sleep(time.Minute)
		s.rollout(t, "child", s.dir, `{"subagent":"review"}`, "of a sub-agent")
		s.rollout(t, "elsewhere", "/elsewhere", `"cli"`, "of another directory")
		s.rollout(t, "T1", s.dir, `"cli"`, "mine")
		time.Sleep(settledAfter / 2)
		synctest.Wait()
		if ids := s.bound(); len(ids) != 0 {
			t.Errorf("it was taken to be %q before others could come", ids)
		}
		time.Sleep(settledAfter)
		synctest.Wait()
		if ids := s.bound(); !slices.Equal(ids, []string{"T1"}) || !slices.Equal(s.h.said("message"), []string{"answer of T1"}) || len(s.questions(t)) != 0 {
			t.Errorf("the conversation is %q, told is %q", ids, s.h.said("message"))
		}
	})
}

func TestAPersonPicksOneOfSeveralConversations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSilent(t)
		pick := make(chan string)
		s.h.decide = func(agent.PermissionRequest) agent.Decision {
			return agent.Decision{Approved: true, Answers: mustMarshal(map[string]any{whichQuestion: answer{[]string{<-pick}}})}
		}
		s.run(t)
		time.Sleep(time.Minute)
		s.rollout(t, "T1", s.dir, `"cli"`, "fix the tests")
		s.rollout(t, "T2", s.dir, `"cli"`, "write the docs")
		time.Sleep(10 * settledAfter)
		synctest.Wait()
		want := [][]string{{"1. fix the tests", "2. write the docs", noneOfThese}}
		if got := s.questions(t); !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("people were asked %q, want %q", got, want)
		}
		if ids := s.bound(); len(ids) != 0 || contains(s.h.said("message"), "answer of") {
			t.Errorf("unasked it was taken to be %q, told is %q", ids, s.h.said("message"))
		}
		if !contains(s.h.said("message"), "cannot be shown here") {
			t.Errorf("people were not told that nothing is shown: %q", s.h.said("message"))
		}
		pick <- "2. write the docs"
		time.Sleep(time.Second)
		synctest.Wait()
		if ids := s.bound(); !slices.Equal(ids, []string{"T2"}) || !contains(s.h.said("message"), "answer of T2") || contains(s.h.said("message"), "answer of T1") {
			t.Errorf("the conversation is %q, told is %q", ids, s.h.said("message"))
		}
		if !contains(s.h.said("message"), "shown here again") {
			t.Errorf("people were not told that it is shown: %q", s.h.said("message"))
		}
	})
}

func TestAskingWhichConversationEndsOnceAHookSaysIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSilent(t)
		s.run(t)
		s.rollout(t, "T1", s.dir, `"cli"`, "fix the tests")
		path := s.rollout(t, "T2", s.dir, `"cli"`, "write the docs")
		time.Sleep(10 * settledAfter)
		s.rollout(t, "T3", s.dir, `"cli"`, "one more") // they are asked anew
		time.Sleep(10 * settledAfter)
		synctest.Wait()
		if got := s.questions(t); len(got) != 2 || len(got[1]) != 4 {
			t.Fatalf("people were asked %q", got)
		}
		s.hook(hook.Event{Name: "SessionStart", SessionID: "T2", Transcript: path, Source: "startup"})
		time.Sleep(time.Second)
		synctest.Wait()
		if ids := s.bound(); !slices.Equal(ids, []string{"T2"}) || !contains(s.h.said("message"), "answer of T2") {
			t.Errorf("the conversation is %q, told is %q", ids, s.h.said("message"))
		}
		var why []any
		for _, row := range s.h.rows {
			if output, ok := row["output"].(map[string]any); ok {
				why = append(why, output["reason"])
			}
		}
		if !slices.Equal(why, []any{errOneMore.Error(), errHookSaid.Error()}) {
			t.Errorf("the questions were withdrawn because %q", why)
		}
	})
}

func TestNoneOfTheConversationsIsTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSilent(t)
		s.h.decide = func(agent.PermissionRequest) agent.Decision {
			return agent.Decision{Approved: true, Answers: mustMarshal(map[string]any{whichQuestion: []string{noneOfThese}})}
		}
		s.run(t)
		s.rollout(t, "T1", s.dir, `"cli"`, "fix the tests")
		s.rollout(t, "T2", s.dir, `"cli"`, "write the docs")
		time.Sleep(10 * settledAfter)
		s.rollout(t, "T3", s.dir, `"cli"`, "one more")
		time.Sleep(10 * settledAfter)
		synctest.Wait()
		if got := s.questions(t); len(got) != 2 || !slices.Equal(got[1], []string{"1. one more", noneOfThese}) || len(s.bound()) != 0 {
			t.Errorf("people were asked %q, the conversation is %q", got, s.bound())
		}
	})
}

func TestPeopleAreToldWhenTheTerminalIsNotShownAndWhenItIsAgain(t *testing.T) {
	t.Parallel()
	s := newSilent(t)
	path := s.rollout(t, "T1", s.dir, `"cli"`, "hello")
	s.hook(hook.Event{Name: "SessionStart", SessionID: "T1", Transcript: path, Source: "startup"})
	look := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.scan(false)
	}
	look()
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	look()
	look()
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	look()
	said := s.h.said("message")
	if len(said) != 3 || said[0] != "answer of T1" || !strings.Contains(said[1], "cannot be shown here") || !strings.Contains(said[2], "shown here again") {
		t.Errorf("people were told %q", said)
	}
}

func TestCodexsOwnDirectoryCounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "/w"}, {[]string{"--search", "-C", "app"}, "/w/app"}, {[]string{"--cd=/x"}, "/x"},
	} {
		if got := workDir("/w", c.args); got != filepath.FromSlash(c.want) {
			t.Errorf("with %q it is %q, want %q", c.args, got, c.want)
		}
	}
}
