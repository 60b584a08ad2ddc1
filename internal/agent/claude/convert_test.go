package claude

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the expected records")

// TestLinesBecomeRecords converts what Claude said in each folder of
// testdata/records. `recorded` is a whole conversation with approvals, refusals,
// questions, a plan, a sub-agent and a compaction.
func TestLinesBecomeRecords(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob("testdata/records/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			got := steady(t, convertAll(t, filepath.Join(folder, "in.ndjson")))
			wantPath := filepath.Join(folder, "want.json")
			if *update {
				raw, err := json.MarshalIndent(got, "", " ")
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(wantPath, append(raw, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			raw, err := os.ReadFile(wantPath)
			if err != nil {
				t.Fatal(err)
			}
			var want []any
			if err := json.Unmarshal(raw, &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
		})
	}
}

func convertAll(t *testing.T, path string) (all []json.RawMessage) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := newConverter("/home/dev/project", "")
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		l, err := parseLine(lines.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if l.Type == "system" && l.Subtype == "init" {
			c.begin(l, "")
		}
		for _, r := range c.records(l) {
			all = append(all, r.Content)
		}
	}
	return all
}

// steady replaces what is new in every run, and keeps how records hang together:
// ids are numbered in the order they appear.
func steady(t *testing.T, records []json.RawMessage) []any {
	t.Helper()
	names := map[string]any{}
	name := func(id any) any {
		text, ok := id.(string)
		if !ok {
			return id
		}
		if names[text] == nil {
			names[text] = len(names) + 1
		}
		return float64(names[text].(int))
	}
	var all []any
	for _, raw := range records {
		var r any
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Fatal(err)
		}
		data, ok := r.(map[string]any)["content"].(map[string]any)["data"].(map[string]any)
		if !ok {
			t.Fatalf("a record without data: %s", raw)
		}
		for _, key := range []string{"parentUuid", "uuid"} {
			if id, ok := data[key]; ok {
				data[key] = name(id)
			}
		}
		delete(data, "timestamp")
		all = append(all, r)
	}
	return all
}

func TestTheWindowIsTheChosenModelsUntilClaudeSaysIt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		model, chosen string
		first, then   int64
	}{
		{"claude-f", "", 200_000, 500_000},
		{"claude-f", "fable[1m]", 1_000_000, 500_000},
		{"claude-f[1m]", "", 1_000_000, 500_000},
	} {
		c := newConverter("/home/dev/project", "")
		l := &line{}
		l.Model = test.model
		c.begin(l, test.chosen)
		if got := c.windows[c.model]; got != test.first {
			t.Errorf("%+v: at first %d", test, got)
		}
		ended, err := parseLine([]byte(`{"type":"result","modelUsage":{"claude-f":{"contextWindow":500000}}}`))
		if err != nil {
			t.Fatal(err)
		}
		c.summary(ended)
		c.begin(l, test.chosen)
		if got := c.windows[c.model]; got != test.then {
			t.Errorf("%+v: then %d", test, got)
		}
	}
}
