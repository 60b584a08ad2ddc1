package codex

import (
	"context"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"time"
)

// app is where the desktop application keeps its own codex.
const app = "/Applications/Codex.app/Contents/Resources/codex"

// find is the executable: the one given, or the newer of the one on the search
// path and the desktop application's.
func find(ctx context.Context, path string) (string, error) {
	if path != "" {
		return exec.LookPath(path)
	}
	installed, err := exec.LookPath("codex")
	if runtime.GOOS != "darwin" {
		return installed, err
	}
	bundled, noApp := exec.LookPath(app)
	switch {
	case noApp != nil:
		return installed, err
	case err != nil || !versionOf(ctx, bundled).before(versionOf(ctx, installed)):
		return bundled, nil //nolint:nilerr // the search path has none
	default:
		return installed, nil
	}
}

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

func versionOf(ctx context.Context, path string) version {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return version{}
	}
	return parseVersion(string(out))
}
