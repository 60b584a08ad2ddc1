//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func opencodePath(t *testing.T) string {
	t.Helper()
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	return installed(t, "opencode", "node_modules/opencode-"+runtime.GOOS+"-"+arch+"/bin/opencode")
}

func geminiPath(t *testing.T) string {
	t.Helper()
	return installed(t, "gemini", "node_modules/.bin/gemini")
}

// installed is an executable that npm installed here.
func installed(t *testing.T, name, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is not installed, run `make e2e/node_modules`: %v", name, err)
	}
	return path
}
