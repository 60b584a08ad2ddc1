package workspace

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestUploadsGoWithTheirSessionAlsoThoseOfAKilledProcess(t *testing.T) {
	t.Parallel()
	session := uuid.NewString()
	content := base64.StdEncoding.EncodeToString([]byte("hello"))
	killed, next, other := NewUploads(session), NewUploads(session), NewUploads(uuid.NewString())
	defer other.Close()
	var paths []string
	for _, u := range []*Uploads{killed, next, other} {
		path, err := u.Save("../../design näme.png", content)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(path, "-design_näme.png") || filepath.Dir(filepath.Dir(path)) != UploadsBase() {
			t.Errorf("the file is at %s", path)
		}
		if raw, err := os.ReadFile(path); err != nil || string(raw) != "hello" {
			t.Errorf("%q, %v", raw, err)
		}
		paths = append(paths, path)
	}
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	for i, there := range []bool{false, false, true} {
		if _, err := os.Stat(paths[i]); (err == nil) != there {
			t.Errorf("upload %d: %v, want there: %v", i, err, there)
		}
	}
	if _, err := next.Save("late.txt", content); err == nil {
		t.Error("an ended session took a file")
	}
}

func TestUploadsOutsideOfTheSessionAreNotDeleted(t *testing.T) {
	t.Parallel()
	u := NewUploads(uuid.NewString())
	defer u.Close()
	path, err := u.Save("a.txt", base64.StdEncoding.EncodeToString([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{outside, "/etc/passwd", "", filepath.Dir(path), path + "/../../x"} {
		if err := u.Delete(bad); err != ErrUploadPath {
			t.Errorf("%q: %v, want %v", bad, err, ErrUploadPath)
		}
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
	for range 2 { // a repeated delete is no failure
		if err := u.Delete(path); err != nil {
			t.Error(err)
		}
	}
}
