package acp

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	sdk "github.com/coder/acp-go-sdk"

	"hapi/internal/agent"
)

const again = "Send your message again to go on."

// shownError is how much of an agent's error a person is shown.
const shownError = 400

func noMethod(err error) bool {
	var e *sdk.RequestError
	return errors.As(err, &e) && e.Code == codeNoMethod
}

// plain is an agent's error in words.
func plain(err error) error {
	var e *sdk.RequestError
	if !errors.As(err, &e) {
		return err
	}
	return errors.New(errorText(e))
}

// errorText is the error's message, and what its data adds in words.
func errorText(e *sdk.RequestError) string {
	text := strings.TrimSpace(e.Message)
	if detail := detailOf(e.Data); detail != "" && !strings.Contains(text, detail) {
		if text == "" || strings.EqualFold(text, "Internal error") {
			text = detail
		} else {
			text += ": " + detail
		}
	}
	text = strings.TrimSpace(strings.TrimPrefix(text, "Internal error:"))
	if r := []rune(text); len(r) > shownError {
		text = string(r[:shownError]) + "…"
	}
	if text == "" {
		text = fmt.Sprintf("error %d", e.Code)
	}
	return text
}

func detailOf(data any) string {
	switch d := data.(type) {
	case string:
		return d
	case map[string]any:
		for _, key := range []string{"details", "message", "error", "errorMessage"} {
			if text, ok := d[key].(string); ok && text != "" {
				return text
			}
		}
	}
	return ""
}

// notInstalled says that there is no agent to start.
func (c *conversation) notInstalled(command string) error {
	advice := c.spec.Install
	if advice == "" {
		advice = "Install it, or correct the command"
	}
	return &agent.Failure{Kind: agent.NotInstalled, Silent: true, Text: fmt.Sprintf(
		"%s is not installed on this machine, or not found: there is no %q on the search path. %s, then send your message again.", c.spec.Label, command, advice)}
}

// explain says why a request of ours failed, for the person. silent says that
// the agent had done nothing yet.
func (c *conversation) explain(p *process, err error, silent bool) error {
	var explained *agent.Failure
	if errors.As(err, &explained) {
		return explained
	}
	if p.gone() {
		p.settle()
		return c.explainExit(p, silent)
	}
	var e *sdk.RequestError
	if !errors.As(err, &e) {
		return &agent.Failure{Kind: agent.Crashed, Text: fmt.Sprintf("%s does not answer: %v", c.spec.Label, err)}
	}
	if wantsLogin(err) {
		return &agent.Failure{Kind: agent.NotLoggedIn, Silent: true, Text: c.spec.Label + " is not logged in on this machine. " + c.loginAdvice() + ", then send your message again."}
	}
	return &agent.Failure{Kind: agent.Stopped, Text: c.spec.Label + " could not finish: " + errorText(e)}
}

func wantsLogin(err error) bool {
	var e *sdk.RequestError
	return errors.As(err, &e) && (e.Code == codeAuth || saysLogin(errorText(e)))
}

func saysLogin(text string) bool {
	text = strings.ToLower(text)
	return containsAny(text, "authentication required", "not logged in", "no auth method", "please log in", "login required")
}

func (c *conversation) loginAdvice() string {
	if c.spec.Login != "" {
		return c.spec.Login
	}
	return "Log in with its own command there"
}

// explainExit says why an agent ended, for the person.
func (c *conversation) explainExit(p *process, silent bool) error {
	line, broken := p.feed.said()
	if broken {
		return &agent.Failure{Kind: agent.Stopped, Text: c.spec.Label + " wrote something that is not the Agent Client Protocol and was stopped: " + quote(line) + "\n" + again}
	}
	errors := p.stderr.String()
	if saysLogin(errors) {
		return &agent.Failure{Kind: agent.NotLoggedIn, Silent: true, Text: c.spec.Label + " is not logged in on this machine. " + c.loginAdvice() + ", then send your message again."}
	}
	text := c.spec.Label + " ended unexpectedly (" + exitText(p.err) + ")"
	if said := lastLines(firstOf(errors, line)); said != "" {
		text += ": " + said
	}
	return &agent.Failure{Kind: agent.Crashed, Silent: silent, Text: text + "\n" + again}
}

// lastLines is the end of an error output, as much as a person wants to see.
func lastLines(text string) string {
	if r := []rune(text); len(r) > shownError {
		return "…" + string(r[len(r)-shownError:])
	}
	return text
}

// stopped says how a turn ended by its stop reason; nil is well.
func (c *conversation) stopped(reason string) error {
	var why string
	switch reason {
	case "max_tokens":
		why = "its answer reached the model's limit of tokens"
	case "max_turn_requests":
		why = "it asked the model as often as it may in one turn"
	case "refusal":
		why = "the model refused to go on"
	default:
		return nil
	}
	return &agent.Failure{Kind: agent.Stopped, Text: c.spec.Label + " stopped: " + why + "."}
}

// read decodes an answer of the agent.
func read[T any](raw json.RawMessage) (T, error) {
	var v T
	if len(raw) == 0 {
		return v, nil
	}
	err := lenient(json.Unmarshal(raw, &v))
	return v, err
}
