package hub_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A thought and a text that grow are sent whole again and again. Only the newest
// state stays, and the final one in the end.
func TestEarlierStatesOfAGrowingTextAreRetired(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"reasoning", "message"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			h := newHub(t)
			p := h.newSession(baseToken, nil, false)
			grow := func(text, more string) {
				content := fmt.Sprintf(`{"role":"agent","content":{"type":"codex","data":{"type":%q,"message":%q,"id":"stream-1"%s}}}`, kind, text, more)
				if err := p.Say(t.Context(), json.RawMessage(content), time.Time{}); err != nil {
					t.Fatal(err)
				}
			}
			texts := func() string {
				var all []string
				for _, m := range h.page(p.session.ID, "").Messages {
					var c struct {
						Content struct {
							Data struct{ Message string }
						}
					}
					if err := json.Unmarshal(m.Content, &c); err != nil {
						t.Fatal(err)
					}
					all = append(all, c.Content.Data.Message)
				}
				return strings.Join(all, "|")
			}
			grow("One", `,"live":true`)
			grow("One two", `,"live":true`)
			h.eventually("the newest state alone", func() bool { return texts() == "One two" })
			grow("One two three", "")
			h.eventually("the final text alone", func() bool { return texts() == "One two three" })
			grow("One two three", "") // a final text is no state: nothing retires it
			h.eventually("both final texts", func() bool { return texts() == "One two three|One two three" })
		})
	}
}
