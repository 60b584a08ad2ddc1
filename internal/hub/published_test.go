package hub_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/wire"
)

// curl runs a call as the published page writes it, against the test's hub.
func (h *testHub) curl(args ...string) (status int, body string) {
	h.t.Helper()
	address := strings.TrimPrefix(h.url, "http://")
	args = append([]string{"-s", "-w", "\n%{http_code}", "--connect-to", "127.0.0.1:3006:" + address}, args...)
	out, err := exec.CommandContext(h.t.Context(), "curl", args...).Output()
	if err != nil {
		h.t.Fatalf("curl: %v", err)
	}
	cut := strings.LastIndexByte(string(out), '\n')
	if _, err := fmt.Sscan(string(out[cut+1:]), &status); err != nil {
		h.t.Fatal(err)
	}
	return status, string(out[:cut])
}

const published = "http://127.0.0.1:3006"

func TestPublishedExamplesWithCurl(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, nil, true)
	messages := published + "/api/sessions/" + string(p.session.ID) + "/messages"
	auth := "Authorization: Bearer " + h.jwt
	for i := range 25 {
		say(t, p, fmt.Sprintf("line %d", i))
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	post := func(body string) (int, string) {
		return h.curl("-X", "POST", messages, "-H", auth, "-H", "Content-Type: application/json", "-d", body)
	}
	status, body := post(`{"text":"Please add a new feature","localId":"local-456"}`)
	if status != 200 || body != `{"ok":true}` {
		t.Errorf("send: got %d %s", status, body)
	}
	status, body = post(`{"text":"Here is the design","attachments":[{"id":"att_123","filename":"design.png","mimeType":"image/png","size":102400,"path":"/tmp/hapi-upload-abc123-design.png"}]}`)
	if status != 200 || body != `{"ok":true}` {
		t.Errorf("send with an attachment: got %d %s", status, body)
	}
	first, second := <-p.prompts, <-p.prompts
	if *first.LocalID != "local-456" || !strings.Contains(string(second.Content), `"path":"/tmp/hapi-upload-abc123-design.png"`) {
		t.Errorf("the process got %s and %s", first.Content, second.Content)
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var page struct {
		Messages []struct {
			ID        string          `json:"id"`
			Seq       *int64          `json:"seq"`
			Content   json.RawMessage `json:"content"`
			CreatedAt int64           `json:"createdAt"`
			LocalID   *string         `json:"localId"`
		} `json:"messages"`
		HasMore bool `json:"hasMore"`
	}
	status, body = h.curl(messages+"?limit=20", "-H", auth)
	if err := json.Unmarshal([]byte(body), &page); status != 200 || err != nil {
		t.Fatalf("page: %d %v %s", status, err, body)
	}
	if len(page.Messages) != 20 || !page.HasMore {
		t.Fatalf("got %d messages, more %v", len(page.Messages), page.HasMore)
	}
	for i, m := range page.Messages {
		if m.ID == "" || m.Seq == nil || m.CreatedAt == 0 || len(m.Content) == 0 {
			t.Errorf("message %d is incomplete: %+v", i, m)
		}
		if i > 0 && *m.Seq >= *page.Messages[i-1].Seq {
			t.Errorf("message %d is not older than the one before", i)
		}
	}
	lowest := *page.Messages[19].Seq
	_, body = h.curl(fmt.Sprintf("%s?limit=20&beforeSeq=%d", messages, lowest), "-H", auth)
	if err := json.Unmarshal([]byte(body), &page); err != nil || len(page.Messages) != 7 || page.HasMore {
		t.Errorf("last page: %d messages, more %v, %v", len(page.Messages), page.HasMore, err)
	}
}

func TestPublishedErrors(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, nil, false)
	foreign := h.newSession(baseToken+":other", nil, false).session.ID
	idle, err := h.client(baseToken).CreateSession(t.Context(), wire.CreateSession{Tag: "idle", Metadata: json.RawMessage(`{"path":"/","host":"h"}`)})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		method string
		id     wire.SessionID
		query  string
		body   any
		status int
		text   string
	}{
		"read a foreign session":       {"GET", foreign, "", nil, 403, "Session access denied"},
		"read an unknown session":      {"GET", "nope", "", nil, 404, "Session not found"},
		"limit of zero":                {"GET", p.session.ID, "?limit=0", nil, 400, "Invalid query"},
		"limit over 200":               {"GET", p.session.ID, "?limit=201", nil, 400, "Invalid query"},
		"limit that is no number":      {"GET", p.session.ID, "?limit=many", nil, 400, "Invalid query"},
		"huge cursor":                  {"GET", p.session.ID, "?beforeSeq=99999999999999999999999", nil, 400, "Invalid query"},
		"send to a foreign session":    {"POST", foreign, "", map[string]string{"text": "x"}, 403, "Session access denied"},
		"send to an unknown session":   {"POST", "nope", "", map[string]string{"text": "x"}, 404, "Session not found"},
		"send to an inactive session":  {"POST", idle.ID, "", map[string]string{"text": "x"}, 409, "Session is inactive"},
		"send neither text nor files":  {"POST", p.session.ID, "", map[string]string{}, 400, ""},
		"send an empty text":           {"POST", p.session.ID, "", map[string]string{"text": ""}, 400, ""},
		"send no JSON":                 {"POST", p.session.ID, "", `{"text":`, 400, "Invalid body"},
		"send a list":                  {"POST", p.session.ID, "", `[]`, 400, "Invalid body"},
		"send null":                    {"POST", p.session.ID, "", `null`, 400, "Invalid body"},
		"send a number as text":        {"POST", p.session.ID, "", `{"text":5}`, 400, "Invalid body"},
		"send invalid UTF-8":           {"POST", p.session.ID, "", "{\"text\":\"\xff\"}", 400, "Invalid body"},
		"send a bad attachment":        {"POST", p.session.ID, "", `{"attachments":[{"id":1}]}`, 400, "Invalid body"},
		"send attachments of one type": {"POST", p.session.ID, "", `{"attachments":"x"}`, 400, "Invalid body"},
		"send an empty local id":       {"POST", p.session.ID, "", `{"text":"x","localId":""}`, 400, "Invalid body"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			status, raw := h.call(h.jwt, tt.method, "/api/sessions/"+string(tt.id)+"/messages"+tt.query, tt.body)
			var body struct {
				Error string `json:"error"`
			}
			if err := json.Unmarshal(raw, &body); err != nil || status != tt.status || body.Error == "" || tt.text != "" && body.Error != tt.text {
				t.Errorf("got %d %s, want %d %q", status, raw, tt.status, tt.text)
			}
		})
	}
	if status, raw := h.call("", http.MethodGet, "/api/sessions/"+string(p.session.ID)+"/messages", nil); status != 401 {
		t.Errorf("without a token: %d %s", status, raw)
	}
}

func TestPagingVisitsEveryMessageOnceWhateverIsSaidMeanwhile(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, nil, true)
	const many = 120
	for i := range many {
		say(t, p, fmt.Sprintf("old %03d.", i))
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var visited []string
	query := "limit=17"
	for n := 0; ; n++ {
		page := h.page(p.session.ID, query)
		lowest := int64(1 << 62)
		for _, m := range page.Messages {
			visited = append(visited, string(m.ID))
			lowest = min(lowest, *m.Seq)
		}
		if !page.HasMore {
			break
		}
		say(t, p, fmt.Sprintf("new %d", n))
		h.want(http.StatusOK, http.MethodPost, "/api/sessions/"+string(p.session.ID)+"/messages", map[string]string{"text": "meanwhile"}, nil)
		query = fmt.Sprintf("limit=17&beforeSeq=%d", lowest)
	}
	seen := map[string]int{}
	for _, id := range visited {
		seen[id]++
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	old := 0
	for _, m := range h.everything(p.session.ID, 200) {
		if strings.Contains(string(m.Content), "old ") {
			old++
			if seen[string(m.ID)] != 1 {
				t.Errorf("%s was visited %d times", m.Content, seen[string(m.ID)])
			}
		}
	}
	if old != many {
		t.Errorf("%d messages are there, want %d", old, many)
	}
}

func TestSendingTwiceWithOneLocalIDIsOneMessage(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, nil, false)
	path := "/api/sessions/" + string(p.session.ID) + "/messages"
	for range 3 {
		h.want(http.StatusOK, http.MethodPost, path, map[string]string{"text": "once", "localId": "l1"}, nil)
	}
	if m := <-p.prompts; *m.LocalID != "l1" {
		t.Errorf("got %+v", m)
	}
	page := h.page(p.session.ID, "")
	if len(page.Messages) != 1 || page.Messages[0].InvokedAt != nil {
		t.Errorf("got %+v, want one that waits", page.Messages)
	}
	var state wire.QueuedState
	h.want(http.StatusOK, http.MethodPost, path+"/queued-state", map[string][]string{"localIds": {"l1", "l2"}}, &state)
	want := wire.QueuedState{QueuedLocalIDs: []wire.LocalID{"l1"}, IndeterminateLocalIDs: []wire.LocalID{}, InvokedLocalMessages: []wire.InvokedLocal{}}
	if diff := cmp.Diff(want, state); diff != "" {
		t.Errorf("queued state (-want +got):\n%s", diff)
	}
	var cancelled wire.CancelResult
	h.want(http.StatusOK, http.MethodDelete, path+"/l1", nil, &cancelled)
	if cancelled.Status != "cancelled" || len(h.page(p.session.ID, "").Messages) != 0 {
		t.Errorf("cancel: %+v", cancelled)
	}
}
