package sessions_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"hapi/internal/hub/sessions"
	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

func TestOldSessionsArePrunedUnlessPinnedOrActive(t *testing.T) {
	t.Parallel()
	st, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "hapi.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- st.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := sessions.New(st, sessions.Options{Now: func() time.Time { return now }})
	ids := map[string]wire.SessionID{}
	for _, tag := range []string{"old", "pinned", "active", "new"} {
		if tag == "new" {
			now = now.AddDate(0, 0, 100)
		}
		row, err := s.CreateOrLoad(ctx, "alice", wire.CreateSession{Tag: tag, Metadata: json.RawMessage(`{"path":"/","host":"h"}`)})
		if err != nil {
			t.Fatal(err)
		}
		ids[tag] = row.ID
	}
	if err := s.Pin(ctx, "alice", ids["pinned"], sessions.PinGlobal); err != nil {
		t.Fatal(err)
	}
	beat := float64(now.UnixMilli())
	if err := s.Alive(ctx, "alice", wire.SessionAlive{SID: ids["active"], Time: &beat}); err != nil {
		t.Fatal(err)
	}
	if err := st.Write(ctx, func(*store.Tx) error { return nil }); err != nil { // the beat is written first
		t.Fatal(err)
	}
	before := wire.At(now.AddDate(0, 0, -30))
	for _, dry := range []bool{true, false} {
		if n, err := s.Prune(ctx, before, dry); n != 1 || err != nil {
			t.Errorf("dry %v: %d sessions, %v; want the old one", dry, n, err)
		}
	}
	for tag, id := range ids {
		if _, err := s.Get("alice", id); (err != nil) != (tag == "old") {
			t.Errorf("%s: %v", tag, err)
		}
	}
}
