package main

import (
	"fmt"
	"strings"

	"hapi/internal/agent"
	"hapi/internal/session"
	"hapi/internal/wire"
)

// agentOptions are the command line of an agent that takes none of its own.
type agentOptions struct {
	help      bool
	config    agent.Config
	startedBy string
	existing  string
	resume    string
	rest      []string // words that are no options, and all that follow the first or `--`
}

// parseAgent takes the options that these agents share (cli contract §1.5).
func parseAgent(flavor wire.Flavor, args []string) (agentOptions, error) {
	o := agentOptions{startedBy: "terminal"}
	explicit := false
	for i := 0; i < len(args); i++ {
		name, _, value := option(args, &i)
		var err error
		switch name {
		case "-h", "--help":
			o.help = true
		case "--permission-mode":
			explicit = true
			err = o.setMode(flavor, value)
		case "--yolo":
			if yolo := flavor.Yolo(); yolo != "" && !explicit {
				o.config.PermissionMode = yolo
			}
		case "--model":
			var model string
			model, err = value()
			o.config.Model = session.NormaliseModel(model)
		case "--effort", "--model-reasoning-effort":
			var effort string
			effort, err = value()
			o.config.Effort = session.NormaliseEffort(effort)
		case "--started-by":
			o.startedBy, err = value()
		case "--existing-session-id", "--hapi-session-id":
			o.existing, err = value()
		case "--hapi-starting-mode":
			err = checkStartingMode(value)
		case "--resume", "-s", "--session", "--session-id":
			o.resume, err = value()
		case "--":
			o.rest = args[i+1:]
			return o, nil
		default:
			if strings.HasPrefix(name, "-") {
				return o, fmt.Errorf("%s does not have the option %s; see --help", flavor.Label(), name)
			}
			o.rest = args[i:]
			return o, nil
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

func (o *agentOptions) setMode(flavor wire.Flavor, value func() (string, error)) error {
	mode, err := value()
	if err != nil {
		mode = "(missing)"
	}
	o.config.PermissionMode = wire.PermissionMode(mode)
	if err != nil || !flavor.Allows(o.config.PermissionMode) {
		return fmt.Errorf("Invalid --permission-mode value: %s", mode)
	}
	return nil
}

// agentUsage is the help on the options they share.
func agentUsage(flavor wire.Flavor) string {
	var modes []string
	for _, m := range flavor.Modes() {
		modes = append(modes, string(m))
	}
	return `Options:
  --permission-mode MODE       ` + strings.Join(modes, ", ") + `
  --yolo                       runs everything without asking
  --model MODEL                model to use
  --effort LEVEL               reasoning effort, where the agent has a choice
  --resume ID                  go on with a conversation of the agent
  --existing-session-id ID     go on with a session of the hub
  -h, --help                   this text

The hub and the access token come from HAPI_API_URL and CLI_API_TOKEN, or from
settings.json in the data directory.
`
}
