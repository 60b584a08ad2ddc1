package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"hapi/internal/home"
)

// roots are the directories in which sessions may be started and which may be
// browsed, without symbolic links. None: everywhere, and no browsing.
type roots []string

// Roots reads workspace roots as a person gives them: whole paths of directories
// that exist, each once.
func Roots(given []string) ([]string, error) {
	var out []string
	for _, path := range given {
		abs, err := filepath.Abs(expandHome(path))
		if err != nil {
			return nil, fmt.Errorf("resolve the workspace root %s: %w", path, err)
		}
		info, err := os.Stat(abs)
		if err != nil {
			return nil, fmt.Errorf("the workspace root %s does not exist", abs)
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("the workspace root %s is not a directory", abs)
		}
		if !slices.Contains(out, abs) {
			out = append(out, abs)
		}
	}
	return out, nil
}

func expandHome(path string) string {
	if path == "~" || strings.HasPrefix(path, "~/") {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, path[1:])
		}
	}
	return path
}

func newRoots(paths []string) (roots, error) {
	var r roots
	for _, path := range paths {
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			return nil, fmt.Errorf("resolve the workspace root: %w", err)
		}
		r = append(r, real)
	}
	return r, nil
}

// rootsFile keeps the workspace roots of the latest runner of a data directory.
const rootsFile = "runner.roots.json"

// keepRoots notes the roots for a runner that nobody gives any, as the one that
// is started along with a session.
func keepRoots(data *home.Home, paths []string) error {
	raw, err := json.Marshal(paths)
	if err != nil {
		return fmt.Errorf("note the workspace roots: %w", err)
	}
	return home.WritePrivate(data.Path(rootsFile), append(raw, '\n'))
}

// LastRoots are the workspace roots of the latest runner of a data directory;
// none if there was no runner. Without an answer none must be started: it would
// have no limits.
func LastRoots(data *home.Home) (paths []string, err error) {
	raw, err := os.ReadFile(data.Path(rootsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &paths)
	}
	if err != nil {
		return nil, fmt.Errorf("read the workspace roots of the latest runner in %s: %w", data.Path(rootsFile), err)
	}
	return paths, nil
}

// Inside says whether sessions may be started in dir, given the workspace roots.
func Inside(paths []string, dir string) bool {
	r, err := newRoots(paths)
	return err == nil && r.contain(dir)
}

// contain says whether a path, which need not exist, is in one of the roots
// once its symbolic links are followed.
func (r roots) contain(path string) bool {
	if len(r) == 0 {
		return true
	}
	real, err := resolve(path)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(r, func(root string) bool {
		rel, err := filepath.Rel(root, real)
		return err == nil && filepath.IsLocal(rel)
	})
}

// resolve follows the links of as much of a path as exists.
func resolve(path string) (string, error) {
	rest := ""
	for at := filepath.Clean(path); ; {
		real, err := filepath.EvalSymlinks(at)
		if err == nil {
			return filepath.Join(real, rest), nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return "", err
		}
		if info, err := os.Lstat(at); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return "", fmt.Errorf("%s leads nowhere", at) // making it would make its target
		}
		up := filepath.Dir(at)
		if up == at {
			return "", err
		}
		rest = filepath.Join(filepath.Base(at), rest)
		at = up
	}
}
