//go:build unix

package media

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAPipeOrADeviceIsNotShown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe, link, device := filepath.Join(dir, "pipe.png"), filepath.Join(dir, "link.png"), filepath.Join(dir, "zero.png")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{link: pipe, device: "/dev/zero"} {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	var s Store
	for _, path := range []string{pipe, link, device} {
		if _, err := s.Read(path, "", Any); err == nil || !strings.HasSuffix(err.Error(), "is not a file") {
			t.Errorf("%s: %v", path, err)
		}
	}
	// It took the place of a file that was looked at: nobody waits for a writer.
	if _, _, err := open(pipe); err == nil || !strings.HasSuffix(err.Error(), "is not a file") {
		t.Errorf("a pipe: %v", err)
	}
}

func TestALinkShowsTheFileItLeadsTo(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "latest.txt")
	if err := os.Symlink(write(t, "one.txt", []byte("words")), link); err != nil {
		t.Fatal(err)
	}
	var s Store
	if i, err := s.Read(link, "", Any); err != nil || string(i.Content) != "words" || i.FileName != "latest.txt" {
		t.Errorf("got %+v, %v", i, err)
	}
}
