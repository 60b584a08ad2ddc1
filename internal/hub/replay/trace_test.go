package replay_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// record is one line of a trace: something that passed between a peer and the
// recorded hub, t milliseconds after the recording began.
type record struct {
	N    int    `json:"-"` // the line, from 1
	T    int64  `json:"t"`
	Conn string `json:"conn"`
	Dir  string `json:"dir"`
	Kind string `json:"kind"`
	Data passed `json:"data"`
	note string

	request int // for an answer: the line of its request
}

// passed is what a record says, whatever its kind.
type passed struct {
	// A request or an answer.
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`

	// A WebSocket frame, or the end of a connection.
	Op      string          `json:"op"`
	Packet  string          `json:"packet"`
	Payload json.RawMessage `json:"payload"`
	Code    *int            `json:"code"`
	Hex     string          `json:"hex"`
	By      string          `json:"by"`

	// A server-sent event, or the end of a stream. Truncated: the client left.
	ID        string          `json:"id"`
	Lines     []string        `json:"lines"`
	JSON      json.RawMessage `json:"json"`
	Closed    bool            `json:"closed"`
	Truncated bool            `json:"truncated"`
}

func (r *record) fromHub() bool {
	return r.Kind == "sse" || strings.HasPrefix(r.Dir, "hub>")
}

// name names an answer by the line of its request, which may be made again.
func (r *record) name(request int) string {
	return fmt.Sprintf("%s %s #%d", r.Data.Method, r.Data.Path, request)
}

// readTrace reads a trace from testdata.
func readTrace(t *testing.T, name string) []record {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", name+".jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []record
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		list = append(list, readRecord(t, len(list)+1, lines.Bytes()))
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

func readRecord(t *testing.T, n int, line []byte) record {
	t.Helper()
	r := record{N: n}
	if bytes.Contains(line, []byte(`"kind":"note"`)) {
		var note struct{ Data string }
		if err := json.Unmarshal(line, &note); err != nil {
			t.Fatalf("line %d: %v", n, err)
		}
		r.Kind, r.note = "note", note.Data
		return r
	}
	if err := json.Unmarshal(expand(line), &r); err != nil {
		t.Fatalf("line %d: %v", n, err)
	}
	return r
}

// began is when the recording began: a peer's clock in its first beat, less the
// beat's place. The peer, the recorder and the recorded hub shared one clock.
func began(t *testing.T, trace []record) int64 {
	t.Helper()
	for i := range trace {
		var beat struct{ Time int64 }
		if r := &trace[i]; !r.fromHub() && eventArgument(r.Data.Payload, &beat, "machine-alive", "session-alive") {
			return beat.Time - r.T
		}
	}
	t.Fatal("the trace has no beat")
	return 0
}

// eventArgument reads the argument of a Socket.IO event if it has one of the names.
func eventArgument(payload json.RawMessage, into any, names ...string) bool {
	var event []json.RawMessage
	var name string
	if json.Unmarshal(payload, &event) != nil || len(event) < 2 || json.Unmarshal(event[0], &name) != nil {
		return false
	}
	for _, n := range names {
		if n == name {
			return json.Unmarshal(event[1], into) == nil
		}
	}
	return false
}

var cutChars = regexp.MustCompile(`([0-9A-Za-z])?…\[cut (\d+) chars\]`)

// expand fills up strings that the recording cut, so that they have their
// length again; the content of files was one letter throughout.
func expand(line []byte) []byte {
	return cutChars.ReplaceAllFunc(line, func(cut []byte) []byte {
		parts := cutChars.FindSubmatch(cut)
		n, err := strconv.Atoi(string(parts[2]))
		if err != nil {
			return cut
		}
		last := parts[1]
		if len(last) == 0 {
			last = []byte("A")
		}
		return append(parts[1], bytes.Repeat(last, n)...)
	})
}
