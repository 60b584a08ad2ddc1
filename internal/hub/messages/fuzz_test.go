package messages

import (
	"bytes"
	"encoding/json"
	"net/url"
	"testing"
	"unicode/utf8"
)

// FuzzContent makes rows of what agents say.
func FuzzContent(f *testing.F) {
	for _, seed := range []string{
		`null`, `""`, `"{\"role\":\"agent\"}"`, `{"role":"user","content":{"type":"text","text":" "}}`, `{"role":"agent","content":{"type":"output","data":{"type":"assistant","message":{"content":[{"type":"text","text":"x"}]}}}}`,
		"{\n\"role\":\r\n1}", "\"\xff\"", `{"role":"agent","content":{"type":"codex","data":{"type":"thread_goal_updated","streamId":"s"}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return // the planes let no other through
		}
		content, err := normalise(bytes.Clone(raw))
		if err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		if !json.Valid(content) || !utf8.Valid(content) || bytes.ContainsAny(content, "\r\n") {
			t.Errorf("%q became %q", raw, content)
		}
		look(content)
		hasText(content)
		short, err := cut(content)
		if err != nil || !json.Valid(short) {
			t.Errorf("%q was cut to %q, %v", content, short, err)
		}
		if queued := asQueued(content); !json.Valid(queued) {
			t.Errorf("%q is queued as %q", content, queued)
		}
	})
}

// FuzzPageQuery reads any query: what is taken is within its bounds.
func FuzzPageQuery(f *testing.F) {
	for _, seed := range []string{"", "limit=50&beforeSeq=1", "limit=0", "limit=1e3", "beforeAt=1", "afterSeq=1&afterAt=2&epoch=0", "untilSeq=9223372036854775808&untilAt=-1", "order=asc&limit=200", "%zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		values, _ := url.ParseQuery(query) // as the server does: what is readable counts
		q, err := ParsePageQuery(values)
		if err != nil {
			return
		}
		if q.Limit < 1 || q.Limit > MaxLimit || q.BeforeSeq != nil && *q.BeforeSeq < 1 || q.After != nil && q.After.Seq < 1 || q.BeforeAt != nil && q.BeforeSeq == nil {
			t.Errorf("%q gave %+v", query, q)
		}
	})
}
