//go:build !race

// What is large takes minutes with the race detector; `make test` runs it
// without.

package hub_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"hapi/internal/wire"
)

const manyRows = 100_000

// TestAHundredThousandMessages walks a very long conversation in every way
// peers read one: all of it comes, each row once, in order.
func TestAHundredThousandMessages(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	id := h.emptySession()
	h.fill(id, manyRows, func(i int) string {
		return fmt.Sprintf(`{"role":"agent","content":{"type":"codex","data":{"type":"message","message":"line %d of a long conversation"}}}`, i)
	})
	began := time.Now()
	if page := h.page(id, "limit=50"); len(page.Messages) != 50 || *page.Messages[0].Seq != manyRows || !page.HasMore {
		t.Errorf("the first page has %d rows", len(page.Messages))
	}
	t.Logf("first page after %v", time.Since(began))
	h.http = http.DefaultClient // its shape has been held against the contract

	t.Run("by seq", func(t *testing.T) {
		next := int64(manyRows)
		for _, m := range h.everything(id, 200) {
			if *m.Seq != next {
				t.Fatalf("got seq %d, want %d", *m.Seq, next)
			}
			next--
		}
		if next != 0 {
			t.Errorf("%d rows are missing", next)
		}
	})
	t.Run("by position", func(t *testing.T) {
		page := h.page(id, "limit=200")
		next := *page.Messages[len(page.Messages)-1].Seq - 1
		for page.HasMore {
			cursor := page.Page
			page = h.page(id, fmt.Sprintf("limit=200&beforeSeq=%d&beforeAt=%d", *cursor.NextBeforeSeq, *cursor.NextBeforeAt))
			for i := len(page.Messages) - 1; i >= 0; i-- {
				if *page.Messages[i].Seq != next {
					t.Fatalf("got seq %d, want %d", *page.Messages[i].Seq, next)
				}
				next--
			}
		}
		if next != 0 {
			t.Errorf("%d rows are missing", next)
		}
	})
	t.Run("what came after", func(t *testing.T) {
		first := h.page(id, "limit=1&beforeSeq=2").Messages[0]
		n, cursor := 1, wire.Position{At: first.CreatedAt, Seq: 1}
		for more := true; more; {
			page := h.page(id, fmt.Sprintf("limit=200&afterSeq=%d&afterAt=%d&epoch=0", cursor.Seq, cursor.At))
			n += len(page.Messages)
			cursor, more = wire.Position{At: *page.Page.NextAfterAt, Seq: *page.Page.NextAfterSeq}, page.HasMore
		}
		if n != manyRows {
			t.Errorf("got %d rows", n)
		}
	})
	t.Run("backfill", func(t *testing.T) {
		n, after := 0, int64(0)
		for {
			var page struct {
				Messages []wire.BackfillMessage `json:"messages"`
			}
			h.want(200, http.MethodGet, fmt.Sprintf("/cli/sessions/%s/messages?afterSeq=%d", id, after), nil, &page)
			n += len(page.Messages)
			if len(page.Messages) < 200 {
				break
			}
			after = page.Messages[199].Seq
		}
		if n != manyRows {
			t.Errorf("got %d rows", n)
		}
	})
}

// TestAMessageOfFortyMegabytes goes the whole way: from a process to the disk,
// to a watcher, to a page and to an export. Its strings are short enough to stay.
func TestAMessageOfFortyMegabytes(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.http = http.DefaultClient // 40 MB against the contract take their time
	p := h.newFakeProcess(codexMetadata)
	s := h.stream("all=true", "", false)
	s.next("connection-changed")
	piece := `"` + strings.Repeat("x", 64<<10-16) + `",`
	list := strings.Repeat(piece, 40<<20/len(piece))
	row := `{"role":"agent","content":{"type":"codex","data":{"type":"tool-call-result","callId":"c","output":[` + list[:len(list)-1] + `]}}}`
	p.says(t, row)
	if got := s.next(wire.MessageReceived); len(got) < len(row) {
		t.Errorf("a watcher got %d bytes of %d", len(got), len(row))
	}
	if got := h.page(p.id, "limit=1").Messages[0]; len(got.Content) != len(row) {
		t.Errorf("the page has %d bytes of %d", len(got.Content), len(row))
	}
	var out exported
	h.want(http.StatusOK, http.MethodGet, "/api/sessions/"+string(p.id)+"/export", nil, &out)
	if len(out.Messages) != 1 || len(out.Messages[0].Content) != len(row) {
		t.Errorf("the export has %d messages", len(out.Messages))
	}

	// One string of that length is an agent's output run wild: its ends are kept.
	p.says(t, `{"role":"agent","content":{"type":"codex","data":{"type":"tool-call-result","callId":"c","output":"begin `+strings.Repeat("é", 20<<20)+` end"}}}`)
	got := string(h.page(p.id, "limit=1").Messages[0].Content)
	if len(got) > 200<<10 || !strings.Contains(got, `"begin é`) || !strings.Contains(got, `é end"`) || !strings.Contains(got, "…[hapi: truncated") {
		t.Errorf("got %d bytes: %.100s", len(got), got)
	}
	p.says(t, `{"role":"agent","content":{"type":"codex","data":{"type":"message","message":"still here"}}}`)
	if got := h.page(p.id, "limit=1").Messages[0]; !strings.Contains(string(got.Content), "still here") {
		t.Errorf("afterwards: %.100s", got.Content)
	}
}

func TestLargeExportsAreAskedForTwiceOrRefused(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	id := h.emptySession()
	h.fill(id, 20_001, func(i int) string { return fmt.Sprintf(`{"role":"user","content":{"type":"text","text":"%d"}}`, i) })
	path := "/api/sessions/" + string(id) + "/export"
	var warning wire.ExportWarning
	h.want(http.StatusOK, http.MethodGet, path, nil, &warning)
	if warning.Type != "warning" || warning.Count != 20_001 || warning.Limit != 20_000 || warning.EstimatedBytes < 20_000*50 {
		t.Errorf("got %+v", warning)
	}
	h.http = http.DefaultClient // 20 000 rows against the contract take their time
	var out exported
	h.want(http.StatusOK, http.MethodGet, path+"?force=true", nil, &out)
	if len(out.Messages) != 20_001 || *out.Messages[20_000].Seq != 20_001 || !strings.Contains(string(out.Messages[20_000].Content), `"20000"`) {
		t.Errorf("got %d messages", len(out.Messages))
	}

	h.fill(id, 101, func(int) string {
		return `{"role":"user","content":{"type":"text","text":"` + strings.Repeat("x", 1<<20) + `"}}`
	})
	var refusal wire.ExportTooLarge
	h.want(http.StatusRequestEntityTooLarge, http.MethodGet, path+"?force=true", nil, &refusal)
	if refusal.Code != "session_export_too_large" || refusal.Type != "too-large" || refusal.MaxBytes != 100<<20 || refusal.EstimatedBytes <= 100<<20 || refusal.Count < 101 {
		t.Errorf("got %+v", refusal)
	}
}
