package acp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"hapi/internal/agent"
)

// service is the HTTP API that OpenCode has beside the protocol. It is the only
// way to have a conversation compacted, and to learn that the model is asked
// again. It always listens: with a password it is ours alone.
type service struct {
	address, password string
	client            *http.Client
}

const serviceUser = "opencode"

// newService finds a port for it. Should somebody take that meanwhile, the agent
// ends before it did anything, and is started once more with another.
func newService() (*service, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
	if err != nil {
		return nil, fmt.Errorf("find a port for the agent: %w", err)
	}
	address := listener.Addr().String()
	return &service{address: address, password: rand.Text(), client: &http.Client{Transport: &http.Transport{}}}, listener.Close()
}

func (s *service) arguments() []string {
	host, port, _ := net.SplitHostPort(s.address) // it was listened on
	return []string{"--hostname", host, "--port", port}
}

func (s *service) environment() []string {
	return []string{"OPENCODE_SERVER_USERNAME=" + serviceUser, "OPENCODE_SERVER_PASSWORD=" + s.password}
}

// serviceBody is how much of an answer is read.
const serviceBody = 64 << 20

// call makes a request. out may be nil.
func (s *service) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		body = bytes.NewReader(mustMarshal(in))
	}
	res, err := s.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	raw, err := io.ReadAll(io.LimitReader(res.Body, serviceBody))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		var e struct {
			Data struct {
				Message string `json:"message"`
			} `json:"data"`
		}
		_ = json.Unmarshal(raw, &e) // its status says enough
		return errors.New(firstOf(oneLine(e.Data.Message), res.Status))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(raw, out)
}

func (s *service) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.address+path, body)
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(serviceUser, s.password)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, errors.Unwrap(err) // without the address
	}
	return res, nil
}

// shownLine is how much of a foreign text is shown in one line.
const shownLine = 200

func oneLine(text string) string {
	r := []rune(strings.Join(strings.Fields(text), " "))
	if len(r) > shownLine {
		return string(r[:shownLine]) + "…"
	}
	return string(r)
}

// Pauses between connections to the events.
const (
	eventsAgain     = 500 * time.Millisecond
	eventsAgainMost = 30 * time.Second
	longestEvent    = 16 << 20
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
	res, err := p.service.do(c.ctx, http.MethodGet, path, nil)
	if err != nil {
		return true
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	if res.StatusCode != http.StatusOK {
		return res.StatusCode != http.StatusNotFound
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, longestEvent)
	told := 0
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		if !ok || !bytes.Contains(data, []byte(`"session.status"`)) {
			continue
		}
		var e struct {
			Type       string `json:"type"`
			Properties struct {
				SessionID string `json:"sessionID"`
				Status    struct {
					Type    string `json:"type"`
					Attempt int    `json:"attempt"`
					Message string `json:"message"`
				} `json:"status"`
			} `json:"properties"`
		}
		if json.Unmarshal(data, &e) != nil || e.Type != "session.status" || e.Properties.SessionID != p.native().id {
			continue
		}
		status := e.Properties.Status
		if status.Type == "retry" && status.Attempt != told && worthTelling(status.Attempt) {
			c.retried(status.Attempt, status.Message)
		}
		told = status.Attempt // none of another state
	}
	return true
}

// worthTelling thins out what goes on and on.
func worthTelling(attempt int) bool { return attempt > 0 && (attempt <= 3 || attempt&(attempt-1) == 0) }

// retried is a row of a request to the model that failed and is made again, as
// Claude's are.
func (c *conversation) retried(attempt int, why string) {
	c.handling.Lock()
	c.heard = time.Now()
	c.handling.Unlock()
	c.host.Emit(agent.Record{Content: mustMarshal(map[string]any{
		"role": "agent",
		"content": map[string]any{"type": "output", "data": map[string]any{
			"type": "system", "subtype": "api_error", "uuid": uuid.NewString(), "retryAttempt": attempt, "maxRetries": 0,
			"error": map[string]any{"message": firstOf(oneLine(why), "the model does not answer")},
		}},
		"meta": map[string]any{"sentFrom": "cli"},
	})})
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
	err = p.service.call(ctx, http.MethodPost, session+"/summarize", map[string]any{"providerID": provider, "modelID": id}, nil)
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
	if err := p.service.call(ctx, http.MethodGet, session+"/message", nil, &all); err != nil {
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
			return "", compactFailed("%s", firstOf(oneLine(m.Info.Error.Data.Message), "the model failed"))
		case string(m.Info.Summary) == "true" && m.Info.Finish != "" && text == "":
			return "", compactFailed("the model gave no summary")
		case string(m.Info.Summary) == "true" && m.Info.Finish != "":
			return text, nil
		}
	}
	return "", compactFailed("it could not be verified: it has no summary")
}
