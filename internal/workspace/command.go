package workspace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"hapi/internal/wire"
)

const (
	// maxOutput is how much of a command's output is sent.
	maxOutput = 8 << 20
	// commandWithin is how long a command may take; commandMost is what a caller
	// may ask for: hubs wait 30 s.
	commandWithin = 10 * time.Second
	commandMost   = 25 * time.Second
)

// within is the time a caller gives a command, in ms.
func within(ms float64) time.Duration {
	if !(ms > 0) {
		return commandWithin
	}
	return time.Duration(min(ms, float64(commandMost.Milliseconds()))) * time.Millisecond
}

// run runs a program in dir and gives its output, cut at whole lines.
func run(ctx context.Context, dir string, limit time.Duration, env []string, name string, args ...string) (wire.CommandResult, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var stdout, stderr capped
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second // what it started may hold the pipes open
	err := cmd.Run()
	out := wire.CommandResult{Success: true, Stdout: stdout.text(), Stderr: stderr.text(), Truncated: stdout.cut || stderr.cut}
	var exited *exec.ExitError
	switch {
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		out.Success, out.ExitCode, out.Error = false, -1, "Command timed out"
	case errors.Is(err, exec.ErrNotFound):
		return out, fmt.Errorf("%s is not installed on this machine", name)
	case errors.As(err, &exited):
		out.Success, out.ExitCode = false, exited.ExitCode()
		if out.Error = firstLine(out.Stderr); out.Error == "" {
			out.Error = fmt.Sprintf("%s failed with exit code %d", name, out.ExitCode)
		}
	case err != nil:
		return out, fmt.Errorf("run %s: %w", name, err)
	}
	return out, nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// capped keeps the first bytes of an output.
type capped struct {
	b   bytes.Buffer
	cut bool
}

func (c *capped) Write(p []byte) (int, error) {
	if room := maxOutput - c.b.Len(); room < len(p) {
		c.b.Write(p[:room])
		c.cut = true
	} else {
		c.b.Write(p)
	}
	return len(p), nil
}

// text is what was kept, as UTF-8, up to the end of a line if there was more.
func (c *capped) text() string {
	b := c.b.Bytes()
	if c.cut {
		b = b[:bytes.LastIndexByte(b, '\n')+1]
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}
