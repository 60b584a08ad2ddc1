package messages_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"hapi/internal/hub/messages"
	"hapi/internal/hub/sessions"
	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// BenchmarkPage reads and encodes pages of 50 messages of 1 KB.
func BenchmarkPage(b *testing.B) {
	service, session := conversation(b, 1000)
	for name, query := range map[string]func() messages.PageQuery{
		"newest": func() messages.PageQuery { return messages.PageQuery{Limit: 50} },
		"anywhere": func() messages.PageQuery {
			before := rand.Int64N(900) + 100
			return messages.PageQuery{Limit: 50, BeforeSeq: &before}
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				page, err := service.Page(b.Context(), "default", session, query())
				if err != nil {
					b.Fatal(err)
				}
				if body := page.AppendJSON(nil); len(body) < 50_000 {
					b.Fatalf("a page of %d bytes", len(body))
				}
			}
		})
	}
}

// conversation is a session with n messages of an agent.
func conversation(b *testing.B, n int) (*messages.Service, wire.SessionID) {
	b.Helper()
	st, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "hapi.db"), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- st.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		if err := st.Close(); err != nil {
			b.Error(err)
		}
	})
	all := sessions.New(st, sessions.Options{})
	row, err := all.CreateOrLoad(b.Context(), "default", wire.CreateSession{Tag: "bench", Metadata: json.RawMessage(`{"path":"/","host":"bench"}`)})
	if err != nil {
		b.Fatal(err)
	}
	err = st.Write(b.Context(), func(tx *store.Tx) error {
		for i := range n {
			content := fmt.Sprintf(`{"role":"agent","content":{"type":"output","data":{"type":"assistant","message":{"role":"assistant","content":[{"type":"text","text":"%s"}]}}}}`, strings.Repeat("x", 900))
			if _, _, err := tx.InsertMessage(b.Context(), row.ID, store.NewMessage{ID: wire.MessageID(fmt.Sprint("m", i)), Content: json.RawMessage(content), CreatedAt: wire.Millis(i + 1)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return messages.New(st, all, messages.Options{}), row.ID
}
