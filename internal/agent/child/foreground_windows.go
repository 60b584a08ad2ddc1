package child

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
)

// Run lets the program use the console and returns when it has ended. When ctx
// ends it is killed; the error is ctx's cause.
func (f Foreground) Run(ctx context.Context) error {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), f.Path, f.Args...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = f.Dir, f.Env, f.Terminal[0], f.Terminal[1], f.Terminal[2]
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", f.Path, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		killGroup(cmd)
		<-ended
		return context.Cause(ctx)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &Exit{Code: exit.ExitCode()}
	}
	return err
}
