package hub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// underneath changes the database while the hub is stopped.
func (h *testHub) underneath(change func(st *store.Store)) {
	h.t.Helper()
	h.stop()
	st, err := store.Open(h.t.Context(), config(h.dir).DBPath, store.Options{})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- st.Run(ctx) }()
	change(st)
	stop()
	if err := <-ended; err != nil {
		h.t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		h.t.Fatal(err)
	}
	h.start(strings.TrimPrefix(h.url, "http://"))
}

// fill gives a session n rows, a millisecond apart, without a process.
func (h *testHub) fill(id wire.SessionID, n int, content func(i int) string) {
	h.t.Helper()
	begin := wire.Now() - wire.Millis(n) - 1000
	h.underneath(func(st *store.Store) {
		for first := 0; first < n; first += 5000 {
			err := st.Write(h.t.Context(), func(tx *store.Tx) error {
				for i := first; i < min(first+5000, n); i++ {
					_, _, err := tx.InsertMessage(h.t.Context(), id, store.NewMessage{
						ID: wire.MessageID(fmt.Sprintf("%s-%d-%d", id, n, i)), Content: json.RawMessage(content(i)), CreatedAt: begin + wire.Millis(i),
					})
					if err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				h.t.Fatal(err)
			}
		}
	})
}

func (h *testHub) emptySession() wire.SessionID {
	h.t.Helper()
	row, err := h.client(baseToken).CreateSession(h.t.Context(), wire.CreateSession{Tag: h.t.Name(), Metadata: json.RawMessage(claudeMetadata)})
	if err != nil {
		h.t.Fatal(err)
	}
	return row.ID
}

type exported struct {
	SchemaVersion int                     `json:"schemaVersion"`
	ExportedAt    wire.Millis             `json:"exportedAt"`
	Session       wire.Session            `json:"session"`
	Messages      []wire.Message          `json:"messages"`
	Scratchlist   []wire.ScratchlistEntry `json:"scratchlist"`
}

func TestExportIsWhatAChatShows(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(claudeMetadata)
	output := func(data string) string {
		return `{"role":"agent","content":{"type":"output","data":` + data + `}}`
	}
	h.send(p.id, "taken", nil)
	h.send(p.id, "queued", nil)
	h.send(p.id, "later", map[string]any{"scheduledAt": wire.Now() + 3600_000})
	p.emit(t, wire.EventMessagesConsumed, map[string]any{"sid": p.id, "localIds": []string{"taken"}})
	for _, data := range []string{
		`{"type":"assistant","n":1}`,
		`{"type":"assistant","isMeta":true}`,
		`{"type":"user","isCompactSummary":true}`,
		`{"type":"assistant","isMeta":false,"n":2}`,
		`{"type":"rate_limit_event"}`,
		`{"type":"tool_progress"}`,
		`{"type":"system","subtype":"init"}`,
		`{"type":"system","subtype":"turn_duration","n":3}`,
		`{"type":"system","subtype":"away_summary","content":" "}`,
		`{"type":"system","subtype":"away_summary","content":"gone","n":4}`,
		`{"type":"agy_message","content":""}`,
		`{"type":"something new","n":5}`,
	} {
		p.says(t, output(data))
	}
	p.says(t, `{"role":"agent","content":{"type":"codex","data":{"type":"message","isMeta":true,"n":6}}}`)
	for _, text := range []string{"first", "second"} {
		h.want(http.StatusCreated, http.MethodPost, "/api/sessions/"+string(p.id)+"/scratchlist", map[string]any{"text": text}, nil)
	}
	var out exported
	h.want(http.StatusOK, http.MethodGet, "/api/sessions/"+string(p.id)+"/export", nil, &out)
	if out.SchemaVersion != 2 || out.ExportedAt == 0 || out.Session.ID != p.id {
		t.Errorf("got version %d at %d of %s", out.SchemaVersion, out.ExportedAt, out.Session.ID)
	}
	var shown []string
	for _, m := range out.Messages {
		var c struct {
			Content struct{ Data struct{ N int } }
		}
		if err := json.Unmarshal(m.Content, &c); err != nil {
			t.Fatal(err)
		}
		if m.LocalID != nil {
			shown = append(shown, string(*m.LocalID))
			continue
		}
		shown = append(shown, fmt.Sprint(c.Content.Data.N))
	}
	if diff := cmp.Diff([]string{"taken", "1", "2", "3", "4", "5", "6"}, shown); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	notes := out.Scratchlist
	if len(notes) != 2 || notes[0].CreatedAt > notes[1].CreatedAt || notes[0].CreatedAt < notes[1].CreatedAt && notes[0].Text != "first" {
		t.Errorf("scratchlist %+v", notes)
	}
	for _, tt := range []struct {
		id     wire.SessionID
		token  string
		status int
	}{{"unknown", h.jwt, 404}, {p.id, h.signIn(baseToken + ":other"), 403}} {
		if status, raw := h.call(tt.token, http.MethodGet, "/api/sessions/"+string(tt.id)+"/export", nil); status != tt.status {
			t.Errorf("got %d %s, want %d", status, raw, tt.status)
		}
	}
}

func TestExportOfAnEmptySession(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	status, raw := h.call(h.jwt, http.MethodGet, "/api/sessions/"+string(h.emptySession())+"/export", nil)
	if status != 200 || !strings.Contains(string(raw), `"messages":[],"scratchlist":[]}`) {
		t.Errorf("got %d %s", status, raw)
	}
}
