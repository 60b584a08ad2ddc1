package acp

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestACompactionCountsOnlyWithItsSummary(t *testing.T) {
	t.Parallel()
	const text = `[{"type":"text","text":"Short."}]`
	for name, tt := range map[string]struct{ in, summary, fails string }{
		"well":           {`{"m1":[{"info":{"summary":true,"finish":"stop"},"parts":` + text + `}]}`, "Short.", ""},
		"none":           {`{}`, "", "0 new compactions"},
		"two":            {`{"m1":[],"m2":[]}`, "", "2 new compactions"},
		"no answer":      {`{"m1":[]}`, "", "no summary"},
		"two answers":    {`{"m1":[{},{}]}`, "", "no summary"},
		"another answer": {`{"m1":[{"info":{"summary":{"diffs":[]},"finish":"stop"},"parts":` + text + `}]}`, "", "no summary"},
		"unfinished":     {`{"m1":[{"info":{"summary":true},"parts":` + text + `}]}`, "", "no summary"},
		"empty":          {`{"m1":[{"info":{"summary":true,"finish":"stop"},"parts":[]}]}`, "", "gave no summary"},
		"failed":         {`{"m1":[{"info":{"error":{"data":{"message":"too\nlong"}}}}]}`, "", "too long"},
	} {
		var in map[string][]stored
		if err := json.Unmarshal([]byte(tt.in), &in); err != nil {
			t.Fatal(err)
		}
		got, err := summaryOf(in)
		if got != tt.summary || (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
			t.Errorf("%s: %q, %v, want %q, %q", name, got, err, tt.summary, tt.fails)
		}
	}
}
