package codex

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"hapi/internal/agent"
)

func init() {
	fakes["hung before its conversation"] = func(f *fake) {
		f.threads = []string{""} // no answer
		f.next()
	}
	fakes["hung before its turn"] = func(f *fake) {
		f.next()
		f.hang()
	}
	fakes["hung in its turn"] = func(f *fake) {
		f.begin("U1")
		f.say("U1", "begun")
		f.hang()
	}
	fakes["deaf"] = func(f *fake) {
		f.begin("U1")
		f.end("U1", "completed")
		f.hang()
	}
	fakes["quiet"] = func(f *fake) { // works without a word, and refuses to be asked about it
		f.begin("U1")
		for asked := 0; asked < 3 && f.lines.Scan(); {
			var r received
			if json.Unmarshal(f.lines.Bytes(), &r) == nil && r.Method == "account/read" {
				f.refuse(r, "not now")
				asked++
			}
		}
		f.say("U1", "done")
		f.end("U1", "completed")
		f.next()
	}
}

// hurry starts a conversation's process, of which less is expected from then on.
func hurry(t *testing.T, c *conversation, p patience) {
	t.Helper()
	s, err := c.ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.patience = p
}

// TestCodexThatHangsEndsInAFailure has a Codex that lives and does nothing, each
// time at another point.
func TestCodexThatHangsEndsInAFailure(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prompts []string
		want    string
	}{
		"hung before its conversation": {[]string{"hello"}, "did not answer thread/start within"},
		"hung before its turn":         {[]string{"hello"}, "did not answer turn/start within"},
		"hung in its turn":             {[]string{"hello"}, "did not answer account/read within"},
		"deaf":                         {[]string{"hello", strings.Repeat("more than a pipe holds ", 1<<16)}, "did not read what it was told within"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conv, h := open(t, name, agent.Options{})
			hurry(t, conv, patience{answer: 2 * time.Second, quiet: 100 * time.Millisecond})
			var err error
			for _, text := range c.prompts {
				err = conv.Prompt(t.Context(), agent.Prompt{Text: text})
			}
			failed := h.failure(err)
			if failed.Kind != agent.Crashed || failed.Silent || !strings.Contains(failed.Text, c.want) || !strings.Contains(failed.Text, again) {
				t.Errorf("the turn failed with %+v, want %q", failed, c.want)
			}
		})
	}
}

func TestSilentTurnIsWaitedForAsLongAsCodexAnswers(t *testing.T) {
	t.Parallel()
	conv, h := open(t, "quiet", agent.Options{})
	hurry(t, conv, patience{answer: time.Minute, quiet: 10 * time.Millisecond})
	h.prompt(conv, "hello")
	if said := h.said("message"); len(said) != 1 || said[0] != "done" {
		t.Errorf("people were told %q", said)
	}
}
