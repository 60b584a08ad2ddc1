package codex

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"strings"

	"hapi/internal/agent"
)

const again = "Send your message again to go on."

func notInstalled() *agent.Failure {
	return &agent.Failure{Kind: agent.NotInstalled, Silent: true, Text: "Codex is not installed on this machine, or not found: install it there (npm install -g @openai/codex), or set HAPI_CODEX_APP_SERVER_BIN to its executable. Then send your message again."}
}

func notLoggedIn() *agent.Failure {
	return &agent.Failure{Kind: agent.NotLoggedIn, Text: "Codex is not logged in on this machine. Run `codex login` there once, then send your message again."}
}

// explainStart says why a process that was started is of no use.
func (c *conversation) explainStart(ctx context.Context, s *server, err error) error {
	var failed *agent.Failure
	var said *rpcError
	var late lateError
	switch {
	case errors.As(err, &failed):
		return failed
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &late):
		s.giveUp(late)
	case errors.As(err, &said):
		return &agent.Failure{Kind: agent.Crashed, Text: fmt.Sprintf("Codex could not be started: %v. Update Codex, then send your message again.", err)}
	}
	s.settle()
	return c.explainExit(s, newTurn())
}

// notStarted explains why a turn did not begin.
func (c *conversation) notStarted(ctx context.Context, s *server, t *turn, err error) error {
	var failed *agent.Failure
	var said *rpcError
	var late lateError
	switch {
	case errors.As(err, &failed):
		return failed
	case errors.As(err, &said):
		return refused(err)
	case errors.As(err, &late):
		s.giveUp(late)
	case ctx.Err() != nil:
		c.abandon(ctx, s, t)
		return context.Cause(ctx)
	}
	// It has gone, or it is stuck: nobody knows what it is doing.
	s.settle()
	c.settleExit(s, t)
	return t.outcome
}

// refused says that Codex does not take what it was given.
func refused(err error) *agent.Failure {
	return &agent.Failure{Kind: agent.BadArguments, Text: fmt.Sprintf("Task failed: Codex refused: %v", err)}
}

// settleExit deals with a process that ended in the middle of a turn.
func (c *conversation) settleExit(s *server, t *turn) {
	<-s.done
	c.rows.close("Codex ended")
	select {
	case <-t.ended: // its end was said before its own
	default:
		t.end(c.explainExit(s, t))
	}
}

// explainExit says why a process ended, for the person.
func (c *conversation) explainExit(s *server, t *turn) error {
	c.mu.Lock()
	// A turn that Codex has taken on may have done something that was not heard of.
	interrupted, silent := t.interrupted, t.id == "" && !t.said
	c.mu.Unlock()
	errorOutput := s.stderr.String()
	switch {
	case interrupted:
		return agent.ErrInterrupted
	case s.stuckBy() != nil:
		// It may have worked on what it did not answer: that is not given again unasked.
		return &agent.Failure{Kind: agent.Crashed, Text: fmt.Sprintf("%v, so it was ended.\n%s", s.stuckBy(), again)}
	case s.garbage != "":
		return &agent.Failure{Kind: agent.Crashed, Silent: silent, Text: fmt.Sprintf("Codex printed something that is not its protocol (%q), so it was ended.\n%s", s.garbage, again)}
	case strings.Contains(errorOutput, "unrecognized subcommand"), strings.Contains(errorOutput, "unexpected argument"):
		return &agent.Failure{Kind: agent.BadArguments, Text: "This Codex is too old for hapi: it has no app-server. Update it (npm install -g @openai/codex), then send your message again."}
	}
	text := "Codex ended unexpectedly (" + exitText(s.err) + ")"
	if errorOutput != "" {
		text += ": " + errorOutput
	}
	return &agent.Failure{Kind: agent.Crashed, Silent: silent, Text: text + "\n" + again}
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

// explained turns Codex's own error into words for a person.
func explained(err error) error {
	failed := asTurnError(err)
	switch {
	case failed == nil:
		return err
	case failed.kind() == "unauthorized", failed.status() == http.StatusUnauthorized:
		return notLoggedIn()
	case failed.kind() == "cyberPolicy", failed.unnamed() && strings.Contains(strings.ToLower(failed.Message), "cyber"):
		return &agent.Failure{Kind: agent.Stopped, Text: "Task failed: " + failed.Error() + "\nhttps://developers.openai.com/codex/concepts/cyber-safety\nhttps://chatgpt.com/cyber"}
	default:
		return &agent.Failure{Kind: agent.Stopped, Text: "Task failed: " + failed.Error()}
	}
}
