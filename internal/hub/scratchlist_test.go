package hub_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hapi/internal/wire"
)

// notes are the scratchlist of one session, as a person's client sees it.
type notes struct {
	h    *testHub
	base string
}

func (h *testHub) notes(id wire.SessionID) notes {
	return notes{h, "/api/sessions/" + string(id) + "/scratchlist"}
}

func (n notes) list() []wire.ScratchlistEntry {
	n.h.t.Helper()
	var out struct {
		Entries []wire.ScratchlistEntry `json:"entries"`
	}
	n.h.want(200, http.MethodGet, n.base, nil, &out)
	return out.Entries
}

func (n notes) create(status int, body string) wire.ScratchlistEntry {
	n.h.t.Helper()
	var out struct {
		Entry wire.ScratchlistEntry `json:"entry"`
	}
	n.h.want(status, http.MethodPost, n.base, body, &out)
	return out.Entry
}

func (n notes) upload(name, mimeType string, content []byte) wire.Attachment {
	n.h.t.Helper()
	var out struct {
		Attachment wire.Attachment `json:"attachment"`
	}
	n.h.want(200, http.MethodPost, n.base+"/upload", map[string]string{
		"filename": name, "mimeType": mimeType, "content": base64.StdEncoding.EncodeToString(content),
	}, &out)
	return out.Attachment
}

// refused checks a refusal and gives its body.
func (n notes) refused(method, path string, body any, status int, text string) {
	n.h.t.Helper()
	got, raw := n.h.call(n.h.jwt, method, n.base+path, body)
	if got != status || !strings.Contains(string(raw), text) {
		n.h.t.Errorf("%s %s %v: got %d %s, want %d %s", method, path, body, got, raw, status, text)
	}
}

func TestNotesBesideASession(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	n := h.notes(h.row(baseToken, `{"path":"/p","host":"h"}`)) // nobody runs it
	if got := n.list(); got == nil || len(got) != 0 {
		t.Fatalf("at first: %+v", got)
	}
	first := n.create(201, `{"text":" note one "}`)
	if first.Text != "note one" || first.EntryID == "" || first.Attachments == nil || first.CreatedAt != first.UpdatedAt {
		t.Errorf("got %+v", first)
	}
	n.create(201, `{"entryId":"e-1","text":"note two","createdAt":5}`)
	if again := n.create(200, `{"entryId":"e-1","text":"again"}`); again.Text != "note two" || again.CreatedAt != 5 {
		t.Errorf("repeated: %+v", again)
	}
	if got := n.list(); len(got) != 2 || got[0].EntryID != first.EntryID {
		t.Errorf("the newest is not first: %+v", got)
	}
	var out struct{ Entry wire.ScratchlistEntry }
	h.want(200, http.MethodPut, n.base+"/e-1", `{"text":" changed "}`, &out)
	if out.Entry.Text != "changed" || out.Entry.UpdatedAt < first.UpdatedAt {
		t.Errorf("changed: %+v", out.Entry)
	}
	h.want(200, http.MethodDelete, n.base+"/e-1", nil, nil)
	n.refused("DELETE", "/e-1", nil, 404, `{"error":"Scratchlist entry not found"}`)
	n.refused("PUT", "/e-1", `{"text":"x"}`, 404, `{"error":"Scratchlist entry not found"}`)
	n.refused("PUT", "/"+first.EntryID, `{"text":"  "}`, 400, `"code":"scratchlist_entry_empty"`)
	n.refused("PUT", "/"+first.EntryID, `{}`, 400, `{"error":"Invalid body","issues":[{"code":"custom","path":[],"message":"text or attachments are required"}]}`)
	for name, body := range map[string]string{
		"nothing": `{}`, "blank": `{"text":" "}`, "no object": `[]`, "half": `{"text"`, "a number": `{"text":5}`,
		"a long text": `{"text":"` + strings.Repeat("x", 10001) + `"}`, "a long id": `{"entryId":"` + strings.Repeat("x", 129) + `","text":"x"}`,
		"no id": `{"entryId":"","text":"x"}`, "a time before time": `{"text":"x","createdAt":-1}`, "odd attachments": `{"attachments":[5]}`,
	} {
		t.Run(name, func(t *testing.T) { n.refused("POST", "", body, 400, `{"error":"Invalid body","issues":[{"code":`) })
	}
	if got := n.list(); len(got) != 1 || got[0].Text != "note one" {
		t.Errorf("in the end: %+v", got)
	}
}

func TestNotesAreBounded(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	n := h.notes(h.row(baseToken, `{"path":"/p","host":"h"}`))
	for i := range 200 {
		n.create(201, fmt.Sprintf(`{"entryId":"e%d","text":"x"}`, i))
	}
	n.refused("POST", "", `{"text":"one more"}`, 409, `"code":"scratchlist_at_cap"`)
	n.create(200, `{"entryId":"e7","text":"repeated"}`)
}

func TestWatchersLearnOfNotes(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	id := h.row(baseToken, `{"path":"/p","host":"h"}`)
	n := h.notes(id)
	s := h.stream("sessionId="+string(id), "", false)
	n.create(201, `{"entryId":"e-1","text":"x"}`)
	patch := func(s *stream) (at wire.Millis) {
		t.Helper()
		for at == 0 {
			var event struct {
				SessionID wire.SessionID `json:"sessionId"`
				Data      struct {
					At wire.Millis `json:"scratchlistUpdatedAt"`
				} `json:"data"`
			}
			if err := json.Unmarshal(s.next(wire.SessionUpdated), &event); err != nil || event.SessionID != id {
				t.Fatalf("got %+v, %v", event, err)
			}
			at = event.Data.At
		}
		return at
	}
	patch(s)
	s.cancel()
	h.want(200, http.MethodDelete, n.base+"/e-1", nil, nil)
	h.restart() // the ring is gone: what was missed comes from the rows
	patch(h.stream("sessionId="+string(id), s.last, false))
}

func TestFilesOfNotes(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	id := h.row(baseToken, `{"path":"/p","host":"h"}`)
	n, other := h.notes(id), h.notes(h.row(baseToken, `{"path":"/other","host":"h"}`))
	svg := []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)
	a := n.upload(`../sk"etch.svg`, "image/svg+xml", svg)
	if a.Size != int64(len(svg)) || a.Filename != "__sk_etch.svg" || a.Path != "hapi-hub:scratchlist/default/"+string(id)+"/"+a.ID+"-"+a.Filename {
		t.Fatalf("got %+v", a)
	}
	dir := filepath.Join(h.dir, "scratchlist-attachments", "default", string(id))
	info, err := os.Stat(filepath.Join(dir, a.ID+"-"+a.Filename))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("on disk: %v %v", info, err)
	}
	n.refused("GET", "/attachments/"+a.ID, nil, 404, "Attachment not found") // no note has it yet

	lied := a
	lied.Size, lied.Filename, lied.PreviewURL = 5, "other name", "https://elsewhere"
	entry := n.create(201, string(mustJSON(t, map[string]any{"entryId": "e-1", "attachments": []wire.Attachment{lied}})))
	if len(entry.Attachments) != 1 || entry.Attachments[0] != a || entry.Text != "" {
		t.Errorf("a note with a file: %+v", entry)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+n.base+"/attachments/"+a.ID, nil)
	req.Header.Set("Authorization", "Bearer "+h.jwt)
	res, err := h.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || string(raw) != string(svg) || res.Header.Get("Content-Type") != "image/svg+xml" || res.Header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.HasPrefix(res.Header.Get("Content-Security-Policy"), "sandbox") || res.Header.Get("Content-Disposition") != `inline; filename="__sk_etch.svg"` {
		t.Errorf("the file: %s %q %v", res.Header, raw, err)
	}

	n.refused("DELETE", "/attachments/"+a.ID, nil, 409, `"code":"scratchlist_attachment_in_use"`)
	other.refused("GET", "/attachments/"+a.ID, nil, 404, "Attachment not found")
	attach := func(list ...wire.Attachment) string { return string(mustJSON(t, map[string]any{"attachments": list})) }
	other.refused("POST", "", attach(a), 400, `"code":"scratchlist_attachment_invalid"`)
	moved := a
	moved.Path = strings.Replace(a.Path, string(id), "../"+string(id), 1)
	n.refused("POST", "", attach(moved), 400, `"code":"scratchlist_attachment_invalid"`)
	retyped := a
	retyped.MimeType = "text/html"
	n.refused("POST", "", attach(retyped), 400, `"code":"scratchlist_attachment_mime"`)
	n.refused("POST", "", attach(a, a), 400, `"code":"scratchlist_attachment_invalid"`)

	b := n.upload("b.txt", "text/plain", []byte("b"))
	n.create(201, string(mustJSON(t, map[string]any{"entryId": "e-2", "text": "shares one", "attachments": []wire.Attachment{a, b}})))
	h.want(200, http.MethodPut, n.base+"/e-2", attach(b), nil)
	h.want(200, http.MethodGet, n.base+"/attachments/"+a.ID, nil, nil) // still the first note's
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestFilesGoWithTheirLastNote(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	id := h.row(baseToken, `{"path":"/p","host":"h"}`)
	n := h.notes(id)
	onDisk := func() int {
		t.Helper()
		entries, err := os.ReadDir(filepath.Join(h.dir, "scratchlist-attachments", "default", string(id)))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	a, b, c := n.upload("a", "text/plain", []byte("a")), n.upload("b", "text/plain", []byte("b")), n.upload("c", "text/plain", []byte("c"))
	n.create(201, string(mustJSON(t, map[string]any{"entryId": "e-1", "attachments": []wire.Attachment{a, b}})))
	n.create(201, string(mustJSON(t, map[string]any{"entryId": "e-2", "attachments": []wire.Attachment{b}})))
	h.want(200, http.MethodDelete, n.base+"/e-1", nil, nil)
	if got := onDisk(); got != 2 {
		t.Errorf("after the first note went there are %d files, want b and c", got)
	}
	h.want(200, http.MethodPut, n.base+"/e-2", `{"text":"words instead","attachments":[]}`, nil)
	h.want(200, http.MethodDelete, n.base+"/attachments/"+c.ID, nil, nil)
	if got := onDisk(); got != 0 {
		t.Errorf("in the end there are %d files", got)
	}
	n.refused("DELETE", "/attachments/"+c.ID, nil, 404, "Attachment not found")
	n.refused("DELETE", "/attachments/"+c.ID[:8], nil, 404, "Attachment not found")
}

func TestLimitsOfNotesFiles(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.restartWith(func(c *hubConfig) {
		c.ScratchlistLimits = wire.ScratchlistLimits{MaxBytesPerFile: 10, MaxAttachmentsPerEntry: 2, MaxBytesPerEntry: 12, MaxBytesPerSession: 25}
	})
	n := h.notes(h.row(baseToken, `{"path":"/p","host":"h"}`))
	var out struct{ Limits wire.ScratchlistLimits }
	h.want(200, http.MethodGet, n.base+"/limits", nil, &out)
	if out.Limits.MaxBytesPerFile != 10 || len(out.Limits.AllowedMimeTypes) != 7 {
		t.Errorf("limits: %+v", out.Limits)
	}
	file := func(size int, mimeType string) map[string]string {
		return map[string]string{"filename": "f", "mimeType": mimeType, "content": base64.StdEncoding.EncodeToString(make([]byte, size))}
	}
	n.refused("POST", "/upload", file(11, "text/plain"), 413, `"code":"scratchlist_attachment_too_large"`)
	n.refused("POST", "/upload", file(1, "text/html"), 400, `"code":"scratchlist_attachment_mime"`)
	n.refused("POST", "/upload", `{"filename":"f","mimeType":"text/plain","content":"?"}`, 400, `"code":"scratchlist_attachment_invalid"`)
	n.refused("POST", "/upload", `{"filename":"f"}`, 400, `{"success":false,"error":"Invalid body","code":"invalid_body"}`)
	var list []wire.Attachment
	for range 3 {
		list = append(list, n.upload("f", "text/plain", make([]byte, 7)))
	}
	n.refused("POST", "/upload", file(7, "text/plain"), 400, `"code":"scratchlist_attachments_session_bytes"`)
	attach := func(list ...wire.Attachment) string { return string(mustJSON(t, map[string]any{"attachments": list})) }
	n.refused("POST", "", attach(list...), 400, `"code":"scratchlist_attachments_per_entry"`)
	n.refused("POST", "", attach(list[:2]...), 400, `"code":"scratchlist_attachments_entry_bytes"`)
	n.create(201, attach(list[0]))
}

func TestScratchlistGuards(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	foreign := h.row(baseToken+":other", `{"path":"/p","host":"h"}`)
	for _, r := range []struct{ method, suffix string }{
		{"GET", ""}, {"POST", ""}, {"PUT", "/e"}, {"DELETE", "/e"}, {"GET", "/limits"}, {"POST", "/upload"}, {"GET", "/attachments/a"}, {"DELETE", "/attachments/a"},
	} {
		h.notes("nope").refused(r.method, r.suffix, nil, 404, `{"error":"Session not found"}`)
		h.notes(foreign).refused(r.method, r.suffix, nil, 403, `{"error":"Session access denied"}`)
	}
}
