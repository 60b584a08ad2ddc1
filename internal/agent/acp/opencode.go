package acp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"hapi/internal/agent"
	"hapi/internal/agent/opencode/api"
)

// Pauses between connections to the events.
const (
	eventsAgain     = 500 * time.Millisecond
	eventsAgainMost = 30 * time.Second
)

// followRetries tells people when the agent's model is asked again.
func (c *conversation) followRetries(p *process) {
	path := "/event?directory=" + url.QueryEscape(c.o.Dir)
	for pause := eventsAgain; ; pause = min(2*pause, eventsAgainMost) {
		if !c.hearEvents(p, path) {
			return
		}
		select {
		case <-time.After(pause):
		case <-p.exited:
			return
		case <-c.ctx.Done():
			return
		}
	}
}

// hearEvents listens until the connection ends; false: there are no events.
func (c *conversation) hearEvents(p *process, path string) (again bool) {
	var retries api.Retries
	err := p.service.Events(c.ctx, path, func(event []byte) {
		if !bytes.Contains(event, []byte(`"session.status"`)) {
			return
		}
		var e struct {
			Type       string `json:"type"`
			Properties struct {
				SessionID string     `json:"sessionID"`
				Status    api.Status `json:"status"`
			} `json:"properties"`
		}
		if json.Unmarshal(event, &e) != nil || e.Type != "session.status" || e.Properties.SessionID != p.native().id {
			return
		}
		if retries.Tell(e.Properties.Status) {
			c.retried(e.Properties.Status)
		}
	})
	var refused *api.Refused
	return !errors.As(err, &refused) || refused.Code != http.StatusNotFound
}

// retried tells that a request to the model failed and is made again.
func (c *conversation) retried(s api.Status) {
	c.handling.Lock()
	c.heard = time.Now()
	c.handling.Unlock()
	c.host.Emit(agent.Retried(s.Attempt, firstOf(api.OneLine(s.Message), "the model does not answer")))
}

// stored is a message as the service has it.
type stored struct {
	Info struct {
		ID       string          `json:"id"`
		ParentID string          `json:"parentID"`
		Summary  json.RawMessage `json:"summary"` // true of one that summarises
		Finish   string          `json:"finish"`
		Error    *struct {
			Data struct {
				Message string `json:"message"`
			} `json:"data"`
		} `json:"error"`
	} `json:"info"`
	Parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
		Auto bool   `json:"auto"`
	} `json:"parts"`
}

// asksToCompact says whether the message is a compaction that a person wanted.
func (m *stored) asksToCompact() bool {
	for _, part := range m.Parts {
		if part.Type == "compaction" && !part.Auto {
			return true
		}
	}
	return false
}

func (m *stored) text() string {
	var parts []string
	for _, part := range m.Parts {
		if part.Type == "text" && strings.TrimSpace(part.Text) != "" {
			parts = append(parts, part.Text)
		}
	}
	return strings.Join(parts, "\n\n")
}

func compactFailed(format string, args ...any) error {
	return &agent.Failure{Kind: agent.CompactFailed, Text: fmt.Sprintf(format, args...)}
}

// compact has the service shorten the conversation, and makes sure that it did.
func (c *conversation) compact(ctx context.Context, p *process, t *turn, accepted func()) error {
	_, model := p.native().offers()
	provider, id, ok := strings.Cut(model, "/")
	if !ok {
		return compactFailed("%s does not say which model it has.", c.spec.Label)
	}
	session := "/session/" + url.PathEscape(p.native().id)
	before, err := c.compactions(ctx, p, session)
	if err != nil {
		return compactFailed("%s could not be asked: %v", c.spec.Label, err)
	}
	if accepted != nil {
		accepted()
	}
	c.mute(true) // the summary is told as one, not as an answer
	defer c.mute(false)
	err = p.service.Call(ctx, http.MethodPost, session+"/summarize", map[string]any{"providerID": provider, "modelID": id}, nil)
	if interrupted, _ := t.state(); interrupted {
		return agent.ErrInterrupted
	}
	switch {
	case ctx.Err() != nil:
		c.abandon(ctx, p)
		return context.Cause(ctx)
	case err != nil && p.gone():
		p.settle()
		return c.explainExit(p, false)
	case err != nil:
		return compactFailed("%v", err)
	}
	after, err := c.compactions(ctx, p, session)
	if err != nil {
		return compactFailed("it could not be verified: %v", err)
	}
	for old := range before {
		delete(after, old)
	}
	summary, err := summaryOf(after)
	if err != nil {
		return err
	}
	c.host.Emit(row(map[string]any{"type": "reasoning", "message": summary, "id": uuid.NewString()}))
	return nil
}

// compactions are those that people wanted, each with what answered it.
func (c *conversation) compactions(ctx context.Context, p *process, session string) (map[string][]stored, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var all []stored
	if err := p.service.Call(ctx, http.MethodGet, session+"/message", nil, &all); err != nil {
		return nil, err
	}
	found := map[string][]stored{}
	for i := range all {
		if all[i].asksToCompact() {
			found[all[i].Info.ID] = nil
		}
	}
	for i := range all {
		if _, ok := found[all[i].Info.ParentID]; ok {
			found[all[i].Info.ParentID] = append(found[all[i].Info.ParentID], all[i])
		}
	}
	return found, nil
}

// summaryOf is what the only new compaction made.
func summaryOf(compactions map[string][]stored) (string, error) {
	if len(compactions) != 1 {
		return "", compactFailed("it could not be verified: there are %s new compactions", strconv.Itoa(len(compactions)))
	}
	for _, answers := range compactions {
		if len(answers) != 1 {
			break
		}
		m := &answers[0]
		switch text := m.text(); {
		case m.Info.Error != nil:
			return "", compactFailed("%s", firstOf(api.OneLine(m.Info.Error.Data.Message), "the model failed"))
		case string(m.Info.Summary) == "true" && m.Info.Finish != "" && text == "":
			return "", compactFailed("the model gave no summary")
		case string(m.Info.Summary) == "true" && m.Info.Finish != "":
			return text, nil
		}
	}
	return "", compactFailed("it could not be verified: it has no summary")
}
