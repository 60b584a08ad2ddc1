package peers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"hapi/internal/wire"
)

// snippet is how much of a message is shown, in characters.
const snippet = 1200

// Inspect reports on a session and what was said there last. It never resumes it.
func (c *Client) Inspect(ctx context.Context, session string, limit int) (string, error) {
	jwt, err := c.signIn(ctx)
	if err != nil {
		return "", err
	}
	found, err := c.find(ctx, jwt, session)
	if err != nil {
		return "", err
	}
	s, err := c.session(ctx, jwt, found.ID)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	var page struct {
		Messages []wire.Message `json:"messages"`
	}
	if err := c.call(ctx, jwt, http.MethodGet, sessionPath(s.ID, fmt.Sprintf("/messages?limit=%d", limit)), nil, &page); err != nil {
		return "", err
	}
	var m struct {
		Path      string `json:"path"`
		Lifecycle string `json:"lifecycleState"`
	}
	_ = json.Unmarshal(s.Metadata, &m) // without metadata the lines are empty
	var b strings.Builder
	fmt.Fprintf(&b, "sessionId: %s\npath: %s\nname: %s\nflavor: %s\nactive: %v\nthinking: %v\nlifecycle: %s\ncwd: %s\nupdatedAt: %s\n",
		s.ID, m.Path, label(found), flavorOf(found), s.Active, s.Thinking, m.Lifecycle, m.Path, time.UnixMilli(int64(s.UpdatedAt)).UTC().Format(time.RFC3339))
	fmt.Fprintf(&b, "messages (latest): %d\n", len(page.Messages))
	oldestFirst(page.Messages)
	for i := range page.Messages {
		if role, text := said(page.Messages[i].Content); text != "" {
			fmt.Fprintf(&b, "[%s] %s\n", role, oneLine(text, snippet))
		}
	}
	return strings.TrimRight(b.String(), "\n"), nil
}

// oldestFirst puts messages in the order of reading, whichever order the hub
// gives them in.
func oldestFirst(messages []wire.Message) {
	slices.SortStableFunc(messages, func(a, b wire.Message) int { return position(&a).Compare(position(&b)) })
}

func position(m *wire.Message) wire.Position {
	p := wire.Position{At: m.CreatedAt, Seq: 1 << 62}
	if m.InvokedAt != nil {
		p.At = *m.InvokedAt
	}
	if m.Seq != nil {
		p.Seq = *m.Seq
	}
	return p
}

// said is who said what in a row; other rows have no text.
func said(content json.RawMessage) (role, text string) {
	var e struct {
		Role    string `json:"role"`
		Content struct {
			Type string `json:"type"`
			Text string `json:"text"`
			Data struct {
				Type    string          `json:"type"`
				Message json.RawMessage `json:"message"`
			} `json:"data"`
		} `json:"content"`
	}
	if json.Unmarshal(content, &e) != nil {
		return "", ""
	}
	switch {
	case e.Role == "user":
		return e.Role, e.Content.Text
	case e.Content.Type == "output" && e.Content.Data.Type != "assistant":
		return "", ""
	case json.Unmarshal(e.Content.Data.Message, &text) == nil:
		return e.Role, text
	}
	var m struct {
		Content []struct {
			Type string `json:"type"`
			Text string `json:"text"`
		} `json:"content"`
	}
	_ = json.Unmarshal(e.Content.Data.Message, &m) // what is no message has no text
	var texts []string
	for _, b := range m.Content {
		if b.Type == "text" {
			texts = append(texts, b.Text)
		}
	}
	return e.Role, strings.Join(texts, " ")
}
