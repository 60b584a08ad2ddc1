// Package nodetest installs the pinned packages of npm that tests drive.
package nodetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Install installs the packages that the lock file in dir names, unless they
// are there. Tests of several packages may do so at once: the packages are
// installed beside, and then appear in one step.
func Install(ctx context.Context, dir string) error {
	if _, err := exec.LookPath("node"); err != nil {
		return errors.New("node is needed for the tests with the official client; install Node 20 or newer")
	}
	installed := filepath.Join(dir, "node_modules")
	if _, err := os.Stat(installed); err == nil {
		return nil
	}
	beside, err := os.MkdirTemp(dir, ".installing-")
	if err != nil {
		return fmt.Errorf("install npm packages: %w", err)
	}
	defer os.RemoveAll(beside) //nolint:errcheck // a leftover is ignored by git
	for _, name := range []string{"package.json", "package-lock.json"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(beside, name), raw, 0o600)
		}
		if err != nil {
			return fmt.Errorf("install npm packages: %w", err)
		}
	}
	npm := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund")
	npm.Dir = beside
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	err = os.Rename(filepath.Join(beside, "node_modules"), installed)
	if _, statErr := os.Stat(installed); statErr == nil {
		return nil // ours, or that of another test that was faster
	}
	return fmt.Errorf("install npm packages: %w", err)
}
