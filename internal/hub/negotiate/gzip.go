// Package negotiate decides whether an answer travels compressed, and
// compresses it.
package negotiate

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// Gzip says whether the client takes gzip: an explicit entry wins over `*`,
// q=0 refuses, a missing or unreadable q counts as 1, of repeated entries the
// last one counts, and no header means no.
func Gzip(acceptEncoding []string) bool {
	explicit, named := false, false
	wildcard := false
	for _, line := range acceptEncoding {
		for entry := range strings.SplitSeq(line, ",") {
			coding, params, _ := strings.Cut(entry, ";")
			switch strings.ToLower(strings.TrimSpace(coding)) {
			case "gzip":
				explicit, named = quality(params) > 0, true
			case "*":
				wildcard = quality(params) > 0
			}
		}
	}
	if named {
		return explicit
	}
	return wildcard
}

func quality(params string) float64 {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		if q, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil && !math.IsNaN(q) {
			return q
		}
	}
	return 1
}

var writers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// Compress is body as one gzip member.
func Compress(body []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(body)/3 + 64)
	w := writers.Get().(*gzip.Writer)
	defer writers.Put(w)
	w.Reset(&out)
	_, _ = w.Write(body) // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}
