package codex

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// app is where the desktop application keeps its own codex.
const app = "/Applications/Codex.app/Contents/Resources/codex"

// program is how Codex is started.
type program struct {
	path string
	args []string // before its own
}

// find is the executable: the one given, or the newer of the one on the search
// path and the desktop application's.
func find(ctx context.Context, path string) (program, error) {
	if path != "" {
		given, err := exec.LookPath(path)
		return direct(given), err
	}
	found, err := exec.LookPath("codex")
	installed := direct(found)
	if runtime.GOOS != "darwin" {
		return installed, err
	}
	bundled, noApp := exec.LookPath(app)
	switch {
	case noApp != nil:
		return installed, err
	case err != nil || !versionOf(ctx, program{path: bundled}).before(versionOf(ctx, installed)):
		return program{path: bundled}, nil //nolint:nilerr // the search path has none
	default:
		return installed, nil
	}
}

// direct goes past the script by which npm starts programs on Windows: arguments
// with quotes do not survive that.
func direct(path string) program {
	as := program{path: path}
	if strings.ToLower(filepath.Ext(path)) != ".cmd" {
		return as
	}
	dir := filepath.Dir(path)
	script := filepath.Join(dir, "node_modules", "@openai", "codex", "bin", "codex.js")
	if _, err := os.Stat(script); err != nil {
		return as
	}
	node := filepath.Join(dir, "node.exe")
	if _, err := os.Stat(node); err != nil {
		if node, err = exec.LookPath("node"); err != nil {
			return as
		}
	}
	return program{path: node, args: []string{script}}
}

// with are all arguments, with its own.
func (p program) with(args ...string) []string { return slices.Concat(p.args, args) }

// version is major, minor and patch; zero if it is not known.
type version [3]int

func (v version) before(other version) bool {
	for i := range v {
		if v[i] != other[i] {
			return v[i] < other[i]
		}
	}
	return false
}

var versionText = regexp.MustCompile(`(\d+)\.(\d+)\.(\d+)`)

// parseVersion reads the version out of a text such as "codex-cli 0.169.0".
func parseVersion(text string) version {
	var v version
	found := versionText.FindStringSubmatch(text)
	if found == nil {
		return v
	}
	for i := range v {
		v[i], _ = strconv.Atoi(found[i+1]) // a number too large is no version
	}
	return v
}

func versionOf(ctx context.Context, codex program) version {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, codex.path, codex.with("--version")...).Output()
	if err != nil {
		return version{}
	}
	return parseVersion(string(out))
}
