package home

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestTheSecondHubIsToldWhoHoldsTheDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := openAt(t, dir, nil)
	database := filepath.Join(t.TempDir(), "hapi.db")
	first, err := h.LockHub(database)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Announce("http://127.0.0.1:3006"); err != nil {
		t.Fatal(err)
	}
	_, err = openAt(t, dir, nil).LockHub(filepath.Join(t.TempDir(), "other.db"))
	if !errors.Is(err, ErrHubRunning) || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) || !strings.Contains(err.Error(), "http://127.0.0.1:3006") {
		t.Errorf("a second hub gets %v", err)
	}
	if _, err := openAt(t, t.TempDir(), nil).LockHub(database); !errors.Is(err, ErrHubRunning) {
		t.Errorf("a hub of another directory on the same database gets %v", err)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	again, err := h.LockHub(database)
	if err != nil {
		t.Fatalf("after the first has left: %v", err)
	}
	if err := again.Release(); err != nil {
		t.Fatal(err)
	}
}
