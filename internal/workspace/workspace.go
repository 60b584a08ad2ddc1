// Package workspace is what people's clients may do with files on the machine
// of a session, confined to where they belong.
package workspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hapi/internal/wire"
)

// Workspace is the directory of a session. Paths are opened below it by the
// kernel: neither ".." nor a symbolic link leads out of it.
type Workspace struct {
	dir  string // as the session knows it
	real string // without symbolic links
	root *os.Root
}

// Open opens the workspace at dir, an absolute path.
func Open(dir string) (*Workspace, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, fmt.Errorf("open the workspace: %w", err)
	}
	root, err := os.OpenRoot(real)
	if err != nil {
		return nil, fmt.Errorf("open the workspace: %w", err)
	}
	return &Workspace{dir: filepath.Clean(dir), real: real, root: root}, nil
}

// Close releases the directory.
func (w *Workspace) Close() error { return w.root.Close() }

// Method answers a call; what it returns is sent as JSON.
type Method = func(ctx context.Context, params json.RawMessage) (any, error)

// Methods are what the hub may call, by name.
func (w *Workspace) Methods() map[string]Method {
	return map[string]Method{
		wire.MethodReadFile:          method(w.readFile),
		wire.MethodListDirectory:     method(w.listDirectory),
		wire.MethodStatFiles:         method(w.statFiles),
		wire.MethodRipgrep:           method(w.ripgrep),
		wire.MethodGitStatus:         method(w.gitStatus),
		wire.MethodGitDiffNumstat:    method(w.gitDiffNumstat),
		wire.MethodGitDiffFile:       method(w.gitDiffFile),
		wire.MethodListSlashCommands: method(w.listSlashCommands),
		wire.MethodListSkills:        method(w.listSkills),
	}
}

// method reads the parameters of a call. A failure is part of the answer, as
// peers expect it of these methods.
func method[P, R any](do func(context.Context, P) (R, error)) Method {
	return func(ctx context.Context, raw json.RawMessage) (any, error) {
		var params P
		if json.Unmarshal(raw, &params) != nil {
			return wire.Failed{Error: "Invalid parameters"}, nil //nolint:nilerr // the failure is the answer
		}
		result, err := do(ctx, params)
		if err != nil {
			return wire.Failed{Error: err.Error()}, nil //nolint:nilerr // the failure is the answer
		}
		return result, nil
	}
}

// deniedError says that a path leads out of the workspace.
type deniedError struct{ path string }

func (e deniedError) Error() string {
	return fmt.Sprintf("Access denied: Path '%s' is outside the working directory", e.path)
}

// local is the path below the workspace that p names: p is relative to it, or
// absolute. Symbolic links are the kernel's to refuse.
func (w *Workspace) local(p string) (string, error) {
	if strings.ContainsRune(p, 0) {
		return "", errors.New("Invalid path")
	}
	if p == "" {
		return ".", nil
	}
	if !filepath.IsAbs(p) {
		if p = filepath.Clean(p); !filepath.IsLocal(p) {
			return "", deniedError{p}
		}
		return p, nil
	}
	for _, base := range []string{w.dir, w.real} {
		if rel, err := filepath.Rel(base, p); err == nil && filepath.IsLocal(rel) {
			return rel, nil
		}
	}
	return "", deniedError{p}
}

// directory is where a command works: an existing directory below the workspace.
func (w *Workspace) directory(cwd string) (string, error) {
	rel, err := w.local(cwd)
	if err != nil {
		return "", err
	}
	info, err := w.root.Stat(rel)
	if err != nil {
		return "", explain(cwd, err)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%s is not a directory", cwd)
	}
	return filepath.Join(w.real, rel), nil
}

// explain says what a person can understand of a failure to open p.
func explain(p string, err error) error {
	var at *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("No such file or directory: %s", p)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("Permission denied: %s", p)
	case errors.As(err, &at) && strings.Contains(at.Err.Error(), "escapes"): // os has no name for it
		return deniedError{p}
	case errors.As(err, &at):
		return fmt.Errorf("%s: %w", p, at.Err)
	}
	return err
}
