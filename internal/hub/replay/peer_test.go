package replay_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"hapi/internal/hub/apitest"
)

// peer is one label of the trace: a process or a client, with what came to it.
type peer struct {
	t                       *testing.T
	name                    string
	answers, frames, events inbox
	socket, stream          *line
	asked                   []*record // requests that the recorded hub has not answered yet
}

// answered is the line of the request that an answer belongs to.
func (c *peer) answered(r *record) int {
	i := slices.IndexFunc(c.asked, func(q *record) bool { return q.Data.Method == r.Data.Method && q.Data.Path == r.Data.Path })
	if i < 0 {
		return 0
	}
	n := c.asked[i].N
	c.asked = slices.Delete(c.asked, i, i+1)
	return n
}

// line is a connection to the hub.
type line struct {
	net.Conn
	left atomic.Bool // we closed it; its end is no news
}

func (l *line) leave() {
	if l != nil {
		l.left.Store(true)
		l.Close()
	}
}

// packets is a Socket.IO packet: type, namespace, number; what follows is JSON.
var packets = regexp.MustCompile(`^(\d[0-6]?)(/[^,]*,)?(\d*)`)

// ask sends a request and reads its answer, and what follows if it opens a
// socket or a stream.
func (c *peer) ask(conn *line, label, method string, request []byte) {
	go func() { _, _ = conn.Write(request) }() // the hub may answer before it has read all
	from := bufio.NewReader(conn)
	answer, err := http.ReadResponse(from, &http.Request{Method: method})
	if err != nil {
		c.answers.put(&arrival{label: label, body: map[string]any{"error": err.Error()}})
		return
	}
	said := map[string]any{"status": json.Number(fmt.Sprint(answer.StatusCode)), "headers": headers(answer)}
	if answer.StatusCode == http.StatusSwitchingProtocols {
		c.answers.put(&arrival{label: label, body: said})
		c.readFrames(conn, from)
		return
	}
	body := answer.Body
	if answer.Header.Get("Content-Encoding") == "gzip" && method != http.MethodHead {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			c.answers.put(&arrival{label: label, body: map[string]any{"error": err.Error()}})
			return
		}
		body = unzipped
	}
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
		c.answers.put(&arrival{label: label, body: said})
		c.readEvents(conn, body)
		return
	}
	raw, err := io.ReadAll(body)
	conn.leave()
	if err != nil {
		said["error"] = err.Error()
	}
	c.hold(request, answer, raw)
	if len(raw) > 0 {
		said["body"] = string(raw)
		if strings.Contains(answer.Header.Get("Content-Type"), "json") {
			said["body"] = decode(raw)
		}
	}
	c.answers.put(&arrival{label: label, body: said})
}

// hold holds a request and its answer against api/openapi.yaml. A page of the web
// app is not in it, whatever its path; tens of MiB would take seconds.
func (c *peer) hold(request []byte, answer *http.Response, body []byte) {
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") || len(request) > 1<<20 {
		return
	}
	asked, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
	if err != nil {
		return // the hub has refused it
	}
	asked.URL.Scheme, asked.URL.Host, asked.RequestURI = "http", "127.0.0.1:3006", ""
	plain := &http.Response{StatusCode: answer.StatusCode, Header: answer.Header.Clone(), Body: io.NopCloser(bytes.NewReader(body))}
	plain.Header.Del("Content-Encoding")
	said, err := apitest.New(c.t, answered{plain}).RoundTrip(asked)
	if err != nil {
		c.t.Error(err)
		return
	}
	_ = said.Body.Close()
}

// answered is a round trip that was made already.
type answered struct{ answer *http.Response }

func (a answered) RoundTrip(*http.Request) (*http.Response, error) { return a.answer, nil }

// headers are those that say something about the answer, not its transport.
func headers(answer *http.Response) map[string]any {
	list := map[string]any{}
	for name, values := range answer.Header {
		list[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return meaningful(list)
}

func meaningful(list map[string]any) map[string]any {
	for _, name := range []string{
		"date", "content-length", "connection", "keep-alive", "transfer-encoding", "upgrade",
		"sec-websocket-accept", "sec-websocket-extensions",
	} {
		delete(list, name)
	}
	return list
}

func (c *peer) readFrames(conn *line, from *bufio.Reader) {
	for {
		f, err := readFrame(from)
		if err != nil {
			if !conn.left.Load() {
				c.frames.put(&arrival{label: "tcp-closed", loose: "tcp-closed"})
			}
			return
		}
		switch f.op {
		case opText:
			c.frames.put(packet(string(f.data)))
		case opClose:
			code := "null"
			if len(f.data) >= 2 {
				code = fmt.Sprint(binary.BigEndian.Uint16(f.data))
			}
			c.frames.put(&arrival{label: "close", loose: "close", body: code})
		default:
			c.frames.put(&arrival{label: fmt.Sprintf("op %d", f.op), body: string(f.data)})
		}
	}
}

// packet names a Socket.IO packet by its type, namespace and event; an answer
// also by its number.
func packet(text string) *arrival {
	parts := packets.FindStringSubmatch(text)
	if parts == nil {
		return &arrival{label: text, loose: text}
	}
	payload := text[len(parts[0]):]
	a := &arrival{label: parts[1] + parts[2], loose: parts[1] + parts[2], body: map[string]any{"packet": nil}}
	if payload != "" {
		a.body = map[string]any{"packet": decode([]byte(payload))}
	}
	if parts[1] == "43" {
		a.label += parts[3]
		a.loose = a.label
		return a
	}
	var event struct {
		Method string
		SID    string
		Body   struct{ T string }
	}
	var list []json.RawMessage
	if json.Unmarshal([]byte(payload), &list) == nil && len(list) > 0 {
		if len(list) > 1 {
			_ = json.Unmarshal(list[1], &event) // an event without such an argument is named by its name alone
		}
		a.label += strings.Join([]string{" " + string(list[0]), event.Method, event.Body.T}, " ")
		a.loose = a.label
	}
	if parts[3] != "" {
		a.body.(map[string]any)["number"] = parts[3]
	}
	return a
}

func (c *peer) readEvents(conn *line, from io.Reader) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 16<<20)
	var data, id string
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "data":
			data = value
		case "id":
			id = value
		case "":
			if data != "" {
				c.events.put(event([]byte(data), id))
			}
			data, id = "", ""
		}
	}
	if !conn.left.Load() {
		c.events.put(&arrival{label: "closed", loose: "closed"})
	}
}

// event names a server-sent event by its type, whom it is about, and which
// fields it has.
func event(raw []byte, id string) *arrival {
	var e struct {
		Type      string
		SessionID string `json:"sessionId"`
		MachineID string `json:"machineId"`
		Data      map[string]json.RawMessage
	}
	_ = json.Unmarshal(raw, &e) // what is no event has no type and matches nothing
	body := map[string]any{"event": decode(raw)}
	if id != "" {
		body["cursor"] = id
	}
	a := &arrival{loose: e.Type + " " + e.SessionID + e.MachineID, body: body}
	a.label = a.loose
	if e.Type == "session-updated" {
		a.label += " {" + strings.Join(slices.Sorted(maps.Keys(e.Data)), " ") + "}"
	}
	return a
}

// request is a recorded request as it goes over the line, to path and with
// body.
func request(r *record, path, body string, tokens func(string) string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", r.Data.Method, path)
	for _, name := range slices.Sorted(maps.Keys(r.Data.Headers)) {
		value := r.Data.Headers[name]
		if strings.EqualFold(name, "Content-Length") {
			value = fmt.Sprint(len(body))
		}
		fmt.Fprintf(&b, "%s: %s\r\n", name, tokens(value))
	}
	b.WriteString("\r\n" + body)
	return b.Bytes()
}
