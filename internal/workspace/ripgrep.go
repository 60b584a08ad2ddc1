package workspace

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// byRipgrep lets the system's ripgrep find the files, and ends it when there
// are enough.
func byRipgrep(ctx context.Context, path, dir string, found *lines) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cmd := exec.CommandContext(ctx, path, "--no-config", "--files", "--sort", "path", "--path-separator", "/")
	cmd.Dir = dir
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("run rg: %w", err)
	}
	var stderr capped
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run rg: %w", err)
	}
	enough := false
	for r := bufio.NewScanner(stdout); r.Scan(); {
		if enough = !found.add(strings.TrimPrefix(r.Text(), "./")); enough {
			stop()
			break
		}
	}
	// 1 is "nothing found", 2 also "some of it could not be read".
	if err := cmd.Wait(); err != nil && !enough && found.n == 0 && cmd.ProcessState.ExitCode() != 1 {
		return fmt.Errorf("rg failed: %s", firstLine(stderr.text()))
	}
	return nil
}
