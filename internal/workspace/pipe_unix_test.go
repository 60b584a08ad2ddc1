//go:build unix

package workspace

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"hapi/internal/wire"
)

func TestAPipeForAnIgnoreFileHoldsNoSearchUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, ".gitignore"), 0o600); err != nil {
		t.Fatal(err)
	}
	if rules := (ruleset{}).with(os.DirFS(dir), ".", ".gitignore"); len(rules) != 0 {
		t.Errorf("a pipe has rules: %v", rules)
	}
}

func TestAPipeIsNotRead(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	if err := syscall.Mkfifo(filepath.Join(p.dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := call[anyResult](p, wire.MethodReadFile, wire.PathParams{Path: "pipe"}); got.Success || got.Error != "pipe is not a regular file" {
		t.Errorf("got %+v", got)
	}
}
