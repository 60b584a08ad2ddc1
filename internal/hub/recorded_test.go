package hub_test

import (
	"bufio"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"hapi/internal/wire"
)

// What other implementations' processes said in real conversations gives the
// same account here, whatever else stands in their rows.
func TestRecordedConversations(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		rows  int
		usage wire.UsageCounts
		todos string
	}{
		"claude":   {48, counts(30_000, 240, 12_000, 0, 15), `[{"content":"First step","status":"pending","priority":"medium","id":"1","activeForm":"Doing the first step"}]`},
		"codex":    {96, counts(26_400, 660, 17_600, 0, 26), ""},
		"opencode": {62, counts(9_600, 240, 0, 0, 8), `[{"content":"First step","status":"in_progress","priority":"high","id":"1"},{"content":"Second step","status":"pending","priority":"low","id":"2"}]`},
	}
	for flavor, tt := range tests {
		t.Run(flavor, func(t *testing.T) {
			t.Parallel()
			h := newHub(t)
			p := h.newFakeProcess(`{"path":"/work","host":"test","flavor":"` + flavor + `"}`)
			file, err := os.Open(filepath.Join("testdata", "recorded", flavor+".ndjson"))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			lines := bufio.NewScanner(file)
			lines.Buffer(nil, 1<<20)
			for lines.Scan() {
				p.says(t, lines.Text())
			}
			if err := lines.Err(); err != nil {
				t.Fatal(err)
			}
			if got := h.everything(p.id, 7); len(got) != tt.rows {
				t.Errorf("%d rows, want %d", len(got), tt.rows)
			}
			if got := h.usage("range=all").Totals.UsageCounts; got != tt.usage {
				t.Errorf("usage %+v, want %+v", got, tt.usage)
			}
			if got := string(h.detail(p.id).Todos); got != tt.todos {
				t.Errorf("todos %s, want %s", got, tt.todos)
			}
			var out exported
			h.want(http.StatusOK, http.MethodGet, "/api/sessions/"+string(p.id)+"/export", nil, &out)
			if len(out.Messages) == 0 || len(out.Messages) > tt.rows {
				t.Errorf("the export has %d messages", len(out.Messages))
			}
		})
	}
}
