package main

import (
	"fmt"
	"strings"

	"hapi/internal/session"
	"hapi/internal/wire"
)

// claudeOptions are the command line of a Claude session.
type claudeOptions struct {
	help      bool
	mode      wire.PermissionMode
	model     string
	effort    string
	startedBy string
	existing  string
	begin     session.Side // empty: as the terminal allows
	resume    string
	fork      bool
	rest      []string // for claude
}

// parseClaude takes what is ours and leaves the rest, in order, for claude. An
// option that we do not know takes the next word along if that is no option.
func parseClaude(args []string) (claudeOptions, error) {
	o := claudeOptions{startedBy: "terminal"}
	explicit := false
	for i := 0; i < len(args); i++ {
		name, hasValue, value := option(args, &i)
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
		case "--yolo", "--dangerously-skip-permissions":
			if !explicit {
				o.mode = wire.ModeBypassPermissions
			}
		case "--model":
			o.model, err = value()
		case "--effort":
			o.effort, err = value()
		case "--started-by":
			o.startedBy, err = value()
		case "--existing-session-id":
			o.existing, err = value()
		case "--hapi-starting-mode":
			o.begin, err = sideOf(value)
		case "-r", "--resume":
			if o.resume, err = value(); err != nil { // claude lets its person choose
				o.rest, err = append(o.rest, args[i]), nil
			}
		case "--fork-session":
			o.fork = true
		default:
			o.rest = append(o.rest, args[i])
			if strings.HasPrefix(args[i], "-") && !hasValue && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
				i++
				o.rest = append(o.rest, args[i])
			}
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

func (o *claudeOptions) setMode(value func() (string, error)) error {
	mode, err := value()
	if err != nil {
		mode = "(missing)"
	}
	o.mode = wire.PermissionMode(mode)
	if err != nil || !wire.FlavorClaude.Allows(o.mode) {
		return fmt.Errorf("Invalid --permission-mode value: %s", mode)
	}
	return nil
}

// sideOf is the side a session begins on.
func sideOf(value func() (string, error)) (session.Side, error) {
	mode, err := value()
	if err != nil {
		return "", err
	}
	side := session.Side(mode)
	if side != session.Local && side != session.Remote {
		return "", fmt.Errorf("Invalid --hapi-starting-mode value: %s (it is local or remote)", mode)
	}
	return side, nil
}

// checkStartingMode is for agents that are driven without a terminal.
func checkStartingMode(value func() (string, error)) error {
	mode, err := value()
	if err != nil {
		return err
	}
	if session.Side(mode) != session.Remote {
		return fmt.Errorf("the starting mode %q is not available for this agent: it runs in remote mode", mode)
	}
	return nil
}
