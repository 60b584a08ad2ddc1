package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"hapi/internal/agent"
	"hapi/internal/agent/opencode"
	"hapi/internal/session"
	"hapi/internal/wire"
)

func newOpencode() *cobra.Command {
	return &cobra.Command{
		Use: "opencode [options]", Short: "Run OpenCode in this directory, reachable from anywhere",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := parseOpencode(args)
			if err != nil {
				return err
			}
			if o.help {
				fmt.Fprint(cmd.OutOrStdout(), opencodeUsage+agentUsage(wire.FlavorOpencode))
				return nil
			}
			if own := o.interfaceOnly(); own != "" && (o.begin == session.Remote || !startedAtTerminal(o.startedBy)) {
				return fmt.Errorf("%s is for OpenCode's interface, which takes a terminal", own)
			}
			l := launch{
				agent: opencode.New(), begin: o.begin, terminal: true, late: true, adopt: !o.fork, startedBy: o.startedBy, existing: o.existing,
				open: agent.Options{Path: os.Getenv(opencodePath), Resume: o.resume, Fork: o.fork, Args: o.own, Config: o.config},
			}
			if o.latest && o.resume == "" {
				dir, err := workingDirectory()
				if err != nil {
					return err
				}
				if l.open.Resume, err = opencode.Latest(cmd.Context(), l.open.Path, dir); err != nil {
					return err
				}
			}
			l.open.Fork = o.fork && l.open.Resume != ""
			return l.run(cmd)
		},
	}
}

const opencodeUsage = `Run OpenCode in this directory. What it does, and what it asks, is on your hub.

Usage:
  hapi opencode [options]

At a terminal OpenCode has it, and what is said there is on the hub too; a message
from the hub takes over.

At a terminal, as OpenCode knows them:
  -c, --continue               go on with the latest conversation of this directory
  -s, --session ID             go on with a conversation
  --fork                       with one of these: go on with a copy
  --prompt TEXT                begin with a prompt
  --agent NAME                 begin with an agent
  --pure, --print-logs, --log-level LEVEL

  --hapi-starting-mode MODE    local (the default at a terminal) or remote

`

// opencodeOptions are the command line of an OpenCode session.
type opencodeOptions struct {
	agentOptions

	begin  session.Side // empty: as the terminal allows
	latest bool
	fork   bool
	own    []string // for OpenCode's interface
}

// parseOpencode takes OpenCode's own options, and leaves the rest to parseAgent.
func parseOpencode(args []string) (opencodeOptions, error) {
	var o opencodeOptions
	var shared []string
	for i := 0; i < len(args); i++ {
		name, _, value := option(args, &i)
		var err error
		switch name {
		case "-c", "--continue":
			o.latest = true
		case "--fork":
			o.fork = true
		case "-m":
			var model string
			model, err = value()
			shared = append(shared, "--model="+model)
		case "--auto":
			shared = append(shared, "--yolo")
		case "--prompt", "--agent", "--log-level":
			var v string
			v, err = value()
			o.own = append(o.own, name, v)
		case "--pure", "--print-logs":
			o.own = append(o.own, name)
		case "--hapi-starting-mode":
			o.begin, err = sideOf(value)
		case "--port", "--hostname", "--mdns", "--mdns-domain", "--cors":
			err = fmt.Errorf("hapi sets %s of OpenCode itself", name)
		case "--mini", "--no-replay", "--replay-limit":
			err = fmt.Errorf("OpenCode's minimal interface cannot be followed: leave %s out", name)
		default:
			shared = append(shared, args[i])
		}
		if err != nil {
			return o, err
		}
	}
	var err error
	o.agentOptions, err = parseAgent(wire.FlavorOpencode, shared)
	switch {
	case err != nil:
		return o, err
	case len(o.rest) > 0:
		return o, fmt.Errorf("hapi opencode does not take %q: start it in the directory it is to work in, and write --prompt before what it is to do", o.rest[0])
	case o.fork && o.resume == "" && !o.latest:
		return o, errors.New("--fork needs the conversation: write --session ID or --continue too")
	}
	return o, nil
}

// interfaceOnly is an option that only the interface knows; empty: there is none.
func (o *opencodeOptions) interfaceOnly() string {
	switch {
	case len(o.own) > 0:
		return o.own[0]
	case o.fork:
		return "--fork"
	}
	return ""
}
