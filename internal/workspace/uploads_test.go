package workspace

import (
	"encoding/base64"
	"errors"
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

func TestLinksAmongUploadsLeadNowhere(t *testing.T) {
	t.Parallel()
	session := uuid.NewString()
	u := NewUploads(session)
	path, err := u.Save("a.txt", base64.StdEncoding.EncodeToString([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	precious := filepath.Join(outside, "precious")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(filepath.Dir(path), "link")
	if err := os.Symlink(outside, link); err != nil {
		t.Fatal(err)
	}
	if err := u.Delete(filepath.Join(link, "precious")); err != ErrUploadPath {
		t.Errorf("got %v, want %v", err, ErrUploadPath)
	}
	if err := u.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

// It changes where all uploads go, so nothing runs beside it.
func TestUploadsGoToADirectoryOfTheUsersOwnOnly(t *testing.T) {
	elsewhere := t.TempDir()
	for name, make := range map[string]func(base string) error{
		"a link":              func(base string) error { return os.Symlink(elsewhere, base) },
		"writable by anybody": func(base string) error { return errors.Join(os.Mkdir(base, 0o700), os.Chmod(base, 0o777)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			if err := make(UploadsBase()); err != nil {
				t.Fatal(err)
			}
			_, err := NewUploads(uuid.NewString()).Save("a.txt", "eA==")
			if err == nil || !strings.Contains(err.Error(), "is not this user's alone") {
				t.Errorf("got %v", err)
			}
		})
	}
	if left, err := os.ReadDir(elsewhere); err != nil || len(left) != 0 {
		t.Errorf("files went elsewhere: %v, %v", left, err)
	}
}
