package hub_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hapi/internal/hub/store"
)

func TestBackupOfARunningHubHoldsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, nil, false)
	for range 200 {
		say(t, p, "before the backup")
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	speaking, stop := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() { done <- speak(speaking, t, p) }()
	file := filepath.Join(t.TempDir(), "backup.db")
	if err := store.Backup(t.Context(), filepath.Join(h.dir, "hapi.db"), file); err != nil {
		t.Fatal(err)
	}
	stop()
	<-done
	if err := store.Backup(t.Context(), filepath.Join(h.dir, "hapi.db"), file); err == nil {
		t.Error("a second backup wrote over the first")
	}
	restored := &testHub{t: t, dir: t.TempDir(), http: h.http}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(restored.dir, "hapi.db"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	restored.start("127.0.0.1:0")
	defer restored.stop()
	restored.jwt = restored.signIn(baseToken)
	before := 0
	for _, m := range restored.everything(p.session.ID, 200) {
		if strings.Contains(string(m.Content), "before the backup") {
			before++
		}
	}
	if before != 200 {
		t.Errorf("the backup has %d of 200 messages", before)
	}
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, nil, false)
	for range 500 {
		say(t, p, strings.Repeat("a long line ", 100))
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(h.dir, "hapi.db")
	report, err := store.Check(t.Context(), path)
	if err != nil || len(report.Problems) != 0 {
		t.Fatalf("a sound database: %+v %v", report, err)
	}
	h.stop()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(raw) / 2; i < len(raw)/2+64*1024; i++ {
		raw[i] ^= 0x5a
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	report, err = store.Check(t.Context(), path)
	if err == nil && len(report.Problems) == 0 {
		t.Error("the damage was not found")
	}
	if err := os.WriteFile(path, []byte("this is no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Check(t.Context(), path); err == nil {
		t.Error("what is no database was checked")
	}
}

func TestPruneDeletesWhatIsOldAndNobodyNeeds(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.newSession(baseToken, nil, false) // active
	var pruned struct{ Sessions int }
	h.want(http.StatusOK, http.MethodPost, "/api/hub/prune", map[string]any{"olderThanDays": 1}, &pruned)
	if pruned.Sessions != 0 {
		t.Errorf("%d sessions of today were pruned", pruned.Sessions)
	}
	for _, body := range []string{`{}`, `{"olderThanDays":0}`, `{"olderThanDays":"x"}`, `[]`, ``} {
		if status, raw := h.call(h.jwt, http.MethodPost, "/api/hub/prune", body); status != http.StatusBadRequest {
			t.Errorf("%s: got %d %s", body, status, raw)
		}
	}
	if status, _ := h.call(h.signIn(baseToken+":alice"), http.MethodPost, "/api/hub/prune", `{"olderThanDays":1}`); status != http.StatusForbidden {
		t.Errorf("somebody else: got %d", status)
	}
}
