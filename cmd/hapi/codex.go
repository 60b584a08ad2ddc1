package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hapi/internal/agent"
	"hapi/internal/agent/codex"
	"hapi/internal/session"
	"hapi/internal/wire"
)

func newCodex() *cobra.Command {
	return &cobra.Command{
		Use: "codex [resume ID] [options] [codex options]", Short: "Run Codex in this directory, reachable from anywhere",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := parseCodex(args)
			if err != nil {
				return err
			}
			if o.help {
				fmt.Fprint(cmd.OutOrStdout(), codexUsage)
				return nil
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find hapi's own executable: %w", err)
			}
			return launch{
				agent: codex.New(self), begin: o.begin, terminal: true, late: true, adopt: true, startedBy: o.startedBy, existing: o.existing,
				open: agent.Options{Path: os.Getenv("HAPI_CODEX_APP_SERVER_BIN"), Resume: o.resume, Args: o.rest, Config: o.config},
			}.run(cmd)
		},
	}
}

const codexUsage = `Run Codex in this directory. What it does, and what it asks, is on your hub.

Usage:
  hapi codex [resume ID] [options] [codex options]

At a terminal Codex has it, and what is said there is on the hub too; a message
from the hub takes over.

Options:
  --hapi-starting-mode MODE         local (the default at a terminal) or remote
  --permission-mode MODE            default, read-only, safe-yolo or yolo
  --yolo                            the same as --permission-mode yolo
  --model MODEL                     model to use
  --model-reasoning-effort LEVEL    low, medium, high, or another that the model knows
  --service-tier TIER               fast or standard
  --collaboration-mode MODE         default or plan
  --existing-session-id ID          go on with a session of the hub
  -h, --help                        this text
  -v, --version                     the version

Every other option is passed on to codex at its terminal. Without one, only
--sandbox, --ask-for-approval and --full-auto count, in the default permission
mode. The hub and the access token come from HAPI_API_URL
and CLI_API_TOKEN, or from settings.json in the data directory.
`

// codexOptions are the command line of a Codex session.
type codexOptions struct {
	help      bool
	config    agent.Config
	startedBy string
	existing  string
	begin     session.Side // empty: as the terminal allows
	resume    string
	rest      []string // for codex
}

// parseCodex takes what is ours and leaves the rest, in order, for codex.
func parseCodex(args []string) (codexOptions, error) {
	o := codexOptions{startedBy: "terminal"}
	if len(args) >= 2 && args[0] == "resume" && !strings.HasPrefix(args[1], "-") {
		o.resume, args = args[1], args[2:]
	}
	explicit := false
	for i := 0; i < len(args); i++ {
		name, _, value := option(args, &i)
		at := i
		oneOf := func(allowed ...string) (string, error) {
			v, err := value()
			if v = strings.ToLower(v); err != nil || !slices.Contains(allowed, v) {
				return "", fmt.Errorf("Invalid %s value: %s (use %s)", name, first(v, "(missing)"), strings.Join(allowed, " or "))
			}
			return v, nil
		}
		var err error
		switch name {
		case "-h", "--help":
			o.help = true
		case "--":
			o.rest = append(o.rest, args[i+1:]...)
			return o, nil
		case "--permission-mode":
			explicit = true
			err = o.setMode(value)
		case "--yolo", "--dangerously-bypass-approvals-and-sandbox":
			if !explicit {
				o.config.PermissionMode = wire.ModeYolo
			}
			o.rest = append(o.rest, args[i])
		case "--model", "-m":
			o.config.Model, err = value()
			o.config.Model = session.NormaliseModel(o.config.Model)
			o.rest = append(o.rest, args[at:i+1]...)
		case "-a", "--ask-for-approval":
			var policy string
			if policy, err = value(); policy == "on-failure" {
				err = errors.New("Codex has no --ask-for-approval on-failure any more: use on-request, untrusted or never")
			}
			o.rest = append(o.rest, args[at:i+1]...)
		case "--model-reasoning-effort":
			o.config.Effort, err = value()
			o.config.Effort = session.NormaliseEffort(o.config.Effort)
		case "--service-tier":
			o.config.ServiceTier, err = oneOf("fast", "standard")
		case "--collaboration-mode":
			o.config.CollaborationMode, err = oneOf("default", "plan")
		case "--started-by":
			o.startedBy, err = value()
		case "--existing-session-id":
			o.existing, err = value()
		case "--hapi-starting-mode":
			o.begin, err = sideOf(value)
		default:
			o.rest = append(o.rest, args[i])
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (o *codexOptions) setMode(value func() (string, error)) error {
	mode, err := value()
	o.config.PermissionMode = wire.PermissionMode(mode)
	if err != nil || !wire.FlavorCodex.Allows(o.config.PermissionMode) {
		return fmt.Errorf("Invalid --permission-mode value: %s", first(mode, "(missing)"))
	}
	return nil
}
