package claude

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"

	"hapi/internal/agent"
)

// badResume says that Claude does not have the conversation it was to resume.
type badResume struct{}

func (*badResume) Error() string { return "claude does not have the earlier conversation" }

const (
	notLoggedIn = "Claude is not logged in on this machine. Run `claude` there once and log in, then send your message again."
	again       = "Send your message again to go on."
)

// outcome says how a turn ended, by its result.
func (c *conversation) outcome(t *turn, l *line) error {
	switch {
	case t.notLoggedIn:
		return &agent.Failure{Kind: agent.NotLoggedIn, Text: notLoggedIn}
	case t.compactFail != "":
		return &agent.Failure{Kind: agent.CompactFailed, Text: t.compactFail}
	case noSuchConversation(strings.Join(l.Errors, "\n")):
		return &badResume{}
	case !l.IsError, l.TerminalReason == "aborted_tools": // a person refused a tool
		return nil
	}
	text := strings.Join(l.Errors, "\n")
	if text == "" {
		text = l.Result
	}
	if text == "" {
		text = l.Subtype
	}
	return &agent.Failure{Kind: agent.Crashed, Text: "Claude could not finish: " + text, Shown: t.said && len(l.Errors) == 0}
}

func noSuchConversation(text string) bool {
	return strings.Contains(text, "No conversation found")
}

// settleExit deals with a process that ended in the middle of a turn.
func (c *conversation) settleExit(p *process, t *turn) {
	c.handling.Lock()
	for _, r := range c.convert.interrupted() {
		c.host.Emit(r)
	}
	c.handling.Unlock()
	select {
	case <-t.ended: // its result came before its end
	default:
		t.end(c.explainExit(p, t))
	}
}

// explainExit says why a process ended, for the person.
func (c *conversation) explainExit(p *process, t *turn) error {
	c.mu.Lock()
	interrupted := t.interrupted
	c.mu.Unlock()
	errorOutput := p.stderr.String()
	switch {
	case interrupted:
		return agent.ErrInterrupted
	case noSuchConversation(errorOutput):
		return &badResume{}
	case t.notLoggedIn, strings.Contains(errorOutput, "Not logged in"), strings.Contains(errorOutput, "Please run /login"):
		return &agent.Failure{Kind: agent.NotLoggedIn, Text: notLoggedIn}
	case strings.Contains(errorOutput, "unknown option"):
		return &agent.Failure{Kind: agent.BadArguments, Silent: true, Text: "Claude does not understand how it was started: " + errorOutput + ". Start the session again without that option."}
	}
	text := "Claude ended unexpectedly (" + exitText(p.err) + ")"
	if errorOutput != "" {
		text += ": " + errorOutput
	}
	return &agent.Failure{Kind: agent.Crashed, Silent: !t.said, Text: text + "\n" + again}
}

func exitText(err error) string {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "exit code 0"
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return "exit code " + strconv.Itoa(exit.ExitCode())
	default:
		return err.Error()
	}
}
