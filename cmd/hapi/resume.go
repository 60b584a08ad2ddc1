package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"hapi/internal/agent"
	"hapi/internal/agent/claude"
	"hapi/internal/agent/codex"
	"hapi/internal/agent/opencode"
	"hapi/internal/home"
	"hapi/internal/hubclient"
	"hapi/internal/peers"
	"hapi/internal/runner"
	"hapi/internal/session"
	"hapi/internal/session/screen"
	"hapi/internal/wire"
)

func newResume() *cobra.Command {
	return &cobra.Command{
		Use: "resume [SESSION]", Short: "Go on with a session of this machine in this terminal", Args: cobra.MaximumNArgs(1),
		Long: `Go on with a session of this machine in this terminal. SESSION is its id, the
beginning of it, or a citation with /sessions/<id>; without one there is a list
to choose from. A session that is used from afar is handed over.`,
		RunE: runResume,
	}
}

func runResume(cmd *cobra.Command, args []string) error {
	data, c, stop, err := prepare(cmd, "terminal", false)
	if err != nil {
		return err
	}
	defer stop()
	client := hubclient.New(hubclient.Options{BaseURL: c.APIURL.Text, Token: c.Token.Text, Headers: c.Headers})
	id, err := chooseSession(cmd, client, c, args)
	if err != nil {
		return explainStart(err, c)
	}
	target, err := client.ResumeTarget(cmd.Context(), id)
	if err != nil {
		return explainStart(err, c)
	}
	if string(target.MachineID) == c.MachineID {
		if err := runner.BringBack(cmd.Context(), data, target.Directory); err != nil {
			return err
		}
	}
	l, err := resumption(c, &target)
	if err != nil {
		return err
	}
	if target.Active {
		fmt.Fprintln(cmd.OutOrStdout(), "Taking the session over …")
		if err := client.HandOff(cmd.Context(), target.SessionID); err != nil {
			return fmt.Errorf("take the session over: %w", err)
		}
	}
	return l.run(cmd)
}

// chooseSession finds the session that is meant, or asks.
func chooseSession(cmd *cobra.Command, client *hubclient.Client, c *home.Client, args []string) (wire.SessionID, error) {
	list, err := client.Resumable(cmd.Context(), wire.MachineID(c.MachineID))
	if err != nil {
		return "", err
	}
	if len(args) == 1 {
		return matchSession(list, args[0])
	}
	if len(list) == 0 {
		return "", errors.New("there is no session on this machine to go on with")
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) || !term.IsTerminal(int(os.Stdout.Fd())) {
		for i := range list {
			s := &list[i]
			fmt.Fprintf(cmd.OutOrStdout(), "%d. %-8s %-8s %s  %s\n", i+1, s.Flavor, sessionState(s), sessionName(s), s.Directory)
		}
		return "", errors.New("which one? Name it: hapi resume <id>")
	}
	choices := make([]screen.Choice, len(list))
	for i := range list {
		s := &list[i]
		choices[i] = screen.Choice{
			Row:    fmt.Sprintf("%-9s %-8s %-8s %s", ago(time.Since(time.UnixMilli(int64(s.UpdatedAt)))), s.Flavor, sessionState(s), cmp.Or(s.FirstUserMessage, sessionName(s))),
			Detail: sessionName(s) + " · " + s.Directory,
			Search: strings.Join([]string{string(s.SessionID), s.AgentSessionID, s.Summary, s.FirstUserMessage}, " "),
		}
	}
	i, err := screen.Pick(cmd.Context(), os.Stdin, os.Stdout, "Which session?", choices)
	if err != nil {
		return "", err
	}
	return list[i].SessionID, nil
}

// matchSession takes a whole id as it is, and resolves a part of one.
func matchSession(list []wire.ResumableSession, input string) (wire.SessionID, error) {
	id := peers.CitedID(input)
	if id == "" {
		return "", fmt.Errorf("%q names no session: give its id, the beginning of it, or a citation", input)
	}
	var found []wire.SessionID
	for i := range list {
		if string(list[i].SessionID) == id {
			return list[i].SessionID, nil
		}
		if strings.HasPrefix(string(list[i].SessionID), id) {
			found = append(found, list[i].SessionID)
		}
	}
	switch len(found) {
	case 0:
		return wire.SessionID(id), nil // the hub says what is wrong with it
	case 1:
		return found[0], nil
	default:
		return "", fmt.Errorf("%q could be any of %d sessions: give more of the id", id, len(found))
	}
}

func sessionName(s *wire.ResumableSession) string {
	return cmp.Or(s.Name, s.Summary, string(s.SessionID))
}

func sessionState(s *wire.ResumableSession) string {
	switch {
	case !s.Active:
		return "inactive"
	case s.ControlledByUser:
		return "local"
	default:
		return "remote"
	}
}

func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d d ago", int(d.Hours()/24))
	}
}

// resumption is the session as it is started again here, if it can be.
func resumption(c *home.Client, t *wire.LocalResumeTarget) (launch, error) {
	info, err := os.Stat(t.Directory)
	switch {
	case string(t.MachineID) != c.MachineID:
		return launch{}, fmt.Errorf("Session belongs to another machine (%s)", cmp.Or(t.Host, string(t.MachineID)))
	case err != nil || !info.IsDir():
		return launch{}, fmt.Errorf("Session directory does not exist: %s", t.Directory)
	case t.Active && t.ControlledByUser:
		return launch{}, errors.New("Session is already controlled by a local terminal")
	}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	l := launch{
		startedBy: "terminal", existing: string(t.SessionID),
		directory: func(*home.Home) (string, error) { return t.Directory, nil },
		open:      agent.Options{Resume: t.AgentSessionID, Config: agent.Config{PermissionMode: t.PermissionMode, Model: text(t.Model)}},
	}
	self, err := os.Executable()
	if err != nil {
		return launch{}, fmt.Errorf("find hapi's own executable: %w", err)
	}
	l.terminal, l.begin = true, session.Local
	switch t.Flavor {
	case wire.FlavorClaude:
		l.agent = claude.New(self)
		l.open.Path, l.open.Config.Effort = os.Getenv("HAPI_CLAUDE_PATH"), text(t.Effort)
	case wire.FlavorCodex:
		l.agent = codex.New(self)
		l.open.Path = os.Getenv("HAPI_CODEX_APP_SERVER_BIN")
		l.open.Config.Effort, l.open.Config.ServiceTier, l.open.Config.CollaborationMode = text(t.ModelReasoningEffort), text(t.ServiceTier), t.CollaborationMode
	case wire.FlavorOpencode:
		l.agent = opencode.New()
		l.open.Path, l.open.Config.Effort = os.Getenv(opencodePath), text(t.ModelReasoningEffort)
	default: // the protocol has no terminal: this one shows how the session goes
		a, path, err := resumedAgent(t.Flavor)
		if err != nil {
			return launch{}, err
		}
		l.agent, l.label, l.open.Path, l.open.Config.Effort = a, a.Spec.Label, path, cmp.Or(text(t.ModelReasoningEffort), text(t.Effort))
		l.terminal, l.begin = false, session.Remote
	}
	return l, nil
}
