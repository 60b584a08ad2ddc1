package codex

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"hapi/internal/agent"
)

// scope says what a notification is about. Ids stand in several places.
type scope struct {
	ThreadID string `json:"threadId"`
	TurnID   string `json:"turnId"`
	Item     within `json:"item"`
	Usage    within `json:"tokenUsage"`
	Thread   struct {
		ID string `json:"id"`
	} `json:"thread"`
	Turn struct {
		ID     string     `json:"id"`
		Status string     `json:"status"`
		Error  *turnError `json:"error"`
	} `json:"turn"`
}

// within are the ids inside a part of a notification.
type within struct {
	ThreadID string `json:"threadId"`
	TurnID   string `json:"turnId"`
}

func readScope(params json.RawMessage) scope {
	var s scope
	_ = json.Unmarshal(params, &s) // what it does not say stays empty
	s.ThreadID = first(s.ThreadID, s.Thread.ID, s.Item.ThreadID, s.Usage.ThreadID)
	s.TurnID = first(s.TurnID, s.Turn.ID, s.Item.TurnID, s.Usage.TurnID)
	return s
}

// notified follows what Codex says, on its process's reading goroutine. What
// sub-agents say on threads of their own is theirs.
func (c *conversation) notified(s *server, method string, params json.RawMessage) {
	at := readScope(params)
	switch method {
	case "serverRequest/resolved":
		var in struct {
			RequestID json.RawMessage `json:"requestId"`
		}
		if json.Unmarshal(params, &in) == nil {
			s.withdrawAsk(string(in.RequestID), reasonWithdrawn)
		}
		return
	case "skills/changed":
		c.forgetSkills()
		return
	}
	c.mu.Lock()
	t, ours := c.turn, at.ThreadID == "" || at.ThreadID == c.threadID
	model := c.config.Model
	c.mu.Unlock()
	if !ours {
		return
	}
	if t == nil {
		if method == "item/completed" { // of a command that outlived its turn
			c.rows.convert(method, params, &at, model)
		}
		return
	}
	switch method {
	case "turn/started":
		c.mu.Lock()
		t.take(at.TurnID)
		c.mu.Unlock()
	case "turn/completed":
		c.turnCompleted(t, &at)
	case "error":
		c.turnFailed(t, &at, params)
	case "thread/status/changed":
		c.threadFailed(t, params)
	case "model/rerouted", "model/verification":
		c.modelNotice(method, params)
	default:
		c.rows.convert(method, params, &at, model)
		if c.rows.said() {
			c.mu.Lock()
			t.said = true
			c.mu.Unlock()
		}
	}
}

// isOf says whether a terminal event belongs to the turn: one that Codex has
// interrupted may end late, and must not end the next. What comes before Codex has
// taken the turn on is of an earlier one.
func (c *conversation) isOf(t *turn, at *scope) (interrupted, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return t.interrupted, t.isTaken() && t.id == at.TurnID
}

func (c *conversation) turnCompleted(t *turn, at *scope) {
	interrupted, ok := c.isOf(t, at)
	if !ok {
		return
	}
	switch at.Turn.Status {
	case "interrupted", "cancelled", "canceled":
		c.rows.close("Interrupted")
		t.end(agent.ErrInterrupted)
	case "failed", "error":
		c.rows.close("Failed")
		failure := at.Turn.Error
		if failure == nil {
			failure = &turnError{}
		}
		if failure.Message == "" { // what was said before says more
			if held := t.held(); held != nil {
				failure = held
			}
		}
		t.end(failure)
	default:
		c.rows.close("")
		if interrupted {
			t.end(agent.ErrInterrupted)
		} else {
			t.end(nil)
		}
	}
}

// turnFailed takes an error that Codex gives up on. The end of the turn usually
// follows and says the same.
func (c *conversation) turnFailed(t *turn, at *scope, params json.RawMessage) {
	var in struct {
		Error     turnError `json:"error"`
		WillRetry bool      `json:"willRetry"`
	}
	if json.Unmarshal(params, &in) != nil || in.WillRetry {
		return
	}
	if _, ok := c.isOf(t, at); ok {
		t.failSoon(&in.Error)
	}
}

// threadFailed takes over that the thread cannot go on.
func (c *conversation) threadFailed(t *turn, params json.RawMessage) {
	var in struct {
		Status struct {
			Type string `json:"type"`
		} `json:"status"`
	}
	if json.Unmarshal(params, &in) == nil && in.Status.Type == "systemError" && t.isTaken() {
		t.failSoon(&turnError{Message: "Codex reports an error of the conversation", stumbled: true})
	}
}

// modelNotice tells people what Codex does about its model.
func (c *conversation) modelNotice(method string, params json.RawMessage) {
	var in struct {
		From          string          `json:"fromModel"`
		To            string          `json:"toModel"`
		Reason        json.RawMessage `json:"reason"`
		Verifications []string        `json:"verifications"`
	}
	if json.Unmarshal(params, &in) != nil {
		return
	}
	switch {
	case method == "model/rerouted" && in.To != "":
		text := fmt.Sprintf("Codex answers with the model %s instead of %s", in.To, in.From)
		if isSet(in.Reason) {
			text += " (" + plain(in.Reason) + ")"
		}
		c.notice(text)
	case slices.Contains(in.Verifications, "trustedAccessForCyber"):
		c.notice("Codex limits what it does about security until you are verified: https://chatgpt.com/cyber")
	}
}

// failSoon ends the turn if nothing that says more does so in a moment.
func (t *turn) failSoon(err *turnError) {
	t.failing.Do(func() {
		t.failure.Store(err)
		time.AfterFunc(describedWithin, func() { t.end(err) }) // after its end it does nothing
	})
}

// held is a failure that waits for a better description, or nil.
func (t *turn) held() *turnError { return t.failure.Load() }

// describedWithin is how long the better description of a failure may take.
const describedWithin = 250 * time.Millisecond

// turnError is why Codex could not finish a turn.
type turnError struct {
	Message string          `json:"message"`
	Info    json.RawMessage `json:"codexErrorInfo"`
	Details string          `json:"additionalDetails"`
	// Retryable false: it will not go better the next time.
	Retryable *bool `json:"retryable"`

	stumbled bool // the thread is in an error that nobody describes
}

func (e *turnError) Error() string {
	if e.Message == "" {
		return "Codex did not say why"
	}
	return e.Message
}

// kind is Codex's word for the error: a bare one, or the key of an object.
func (e *turnError) kind() string {
	var word string
	if json.Unmarshal(e.Info, &word) == nil {
		return word
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(e.Info, &object) != nil {
		return ""
	}
	for key := range object {
		return key
	}
	return ""
}

// status is the HTTP status that the error comes from, or 0.
func (e *turnError) status() int {
	var object map[string]struct {
		Status int `json:"httpStatusCode"`
	}
	_ = json.Unmarshal(e.Info, &object) // another kind has no status
	for _, of := range object {
		return of.Status
	}
	return 0
}

func asTurnError(err error) *turnError {
	var failed *turnError
	errors.As(err, &failed)
	return failed
}
