//go:build unix

package workspace

import (
	"path/filepath"
	"syscall"
	"testing"

	"hapi/internal/wire"
)

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
