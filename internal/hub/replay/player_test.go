package replay_test

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// player plays the peers of a trace against our hub, at the trace's times.
type player struct {
	t     *testing.T
	trace string
	hub   *loopback
	ids   *identities
	peers map[string]*peer
	jwt   string
	token string
	began int64

	tokens map[int]string // what is called <token> on a line, if not what it mostly is
	skips  []skipped

	owed        []expected
	missed      []expected
	waited      map[int]bool      // lines whose answer was waited for in vain
	over        bool              // the trace is played
	recorded    map[*inbox]told   // what the recorded streams told
	delivered   map[string]bool   // our ids of prompts that their process was given
	answers     map[string]string // what processes say to questions that were not recorded
	quiet       int               // what was told otherwise, or told again
	matches     []match
	differences []difference
}

func newPlayer(t *testing.T, trace string, list []record) *player {
	return &player{
		t: t, trace: trace, hub: newLoopback(), ids: newIdentities(), peers: map[string]*peer{}, token: accessToken, began: began(t, list),
		recorded: map[*inbox]told{}, delivered: map[string]bool{}, waited: map[int]bool{},
	}
}

func (p *player) play(list []record) {
	for i := range list {
		r := &list[i]
		if r.Kind == "note" || slices.ContainsFunc(p.skips, func(s skipped) bool { return s.from <= r.N && r.N <= s.to }) {
			continue
		}
		time.Sleep(time.Until(p.at(r)))
		if r.fromHub() {
			p.expect(r)
		} else {
			p.send(r)
		}
		synctest.Wait()
		p.collect()
	}
	for _, c := range p.peers {
		p.awaitAnswers(c)
	}
	time.Sleep(50 * time.Millisecond)
	synctest.Wait()
	p.settle(list)
}

// at is when something was recorded.
func (p *player) at(r *record) time.Time { return time.UnixMilli(p.began + r.T) }

func (p *player) peer(name string) *peer {
	c := p.peers[name]
	if c == nil {
		c = &peer{t: p.t, name: name}
		p.peers[name] = c
	}
	return c
}

func (p *player) send(r *record) {
	c := p.peer(r.Conn)
	switch {
	case r.Kind == "rest-req":
		p.ask(c, r)
	case r.Data.Op == "text":
		if text, asked := p.frame(c, r); asked {
			p.write(c, opText, []byte(text))
		}
	case r.Data.Op == "binary":
		raw, err := hex.DecodeString(r.Data.Hex)
		if err != nil {
			p.t.Fatal(err)
		}
		p.write(c, opBinary, raw)
	case r.Data.Op == "close":
		var code []byte
		if r.Data.Code != nil {
			code = []byte{byte(*r.Data.Code >> 8), byte(*r.Data.Code)}
		}
		p.write(c, opClose, code)
	case r.Data.Op == "tcp-closed":
		p.claim(c, "")
		c.socket.leave()
		for _, last := range []string{"close", "tcp-closed"} { // after a farewell, either may be first
			c.frames.take(func(a *arrival) bool { return a.label == last })
		}
	default:
		p.t.Fatalf("line %d: %s cannot be played", r.N, r.Kind)
	}
}

func (p *player) ask(c *peer, r *record) {
	p.awaitAnswers(c)
	raw, err := p.hub.dial()
	if err != nil {
		p.t.Fatal(err)
	}
	conn := &line{Conn: raw}
	p.t.Cleanup(conn.leave)
	body := p.body(r)
	p.ids.brought(string(r.Data.Body[:min(len(r.Data.Body), 1<<20)]))
	session := cmp.Or(p.tokens[r.N], p.jwt)
	path := strings.ReplaceAll(p.ids.path(r.Data.Path), "<token>", url.QueryEscape(session))
	token := session
	if strings.HasPrefix(r.Data.Path, "/cli") {
		token = p.token
	}
	text := request(r, path, strings.ReplaceAll(body, "<token>", p.token), func(value string) string {
		return strings.ReplaceAll(p.ids.say(value), "<token>", token)
	})
	if r.Data.Headers["Upgrade"] != "" {
		c.socket = conn
	}
	if strings.HasPrefix(r.Data.Path, "/api/events") {
		c.stream = conn
	}
	c.asked = append(c.asked, r)
	go c.ask(conn, r.name(r.N), r.Data.Method, text)
}

// awaitAnswers waits for answers that the peer has in the recording: it asks the
// next question only then.
func (p *player) awaitAnswers(c *peer) {
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		p.collect()
		if !slices.ContainsFunc(p.owed, func(e expected) bool { return e.in == &c.answers && !p.waited[e.r.N] }) {
			return
		}
		synctest.Wait()
	}
	for _, e := range p.owed {
		p.waited[e.r.N] = true
	}
}

// body is a request's body with our ids. A recorded string is text that is not
// JSON.
func (p *player) body(r *record) string {
	if len(r.Data.Body) == 0 {
		return ""
	}
	if r.Data.Body[0] != '"' {
		return p.ids.say(compact(r.Data.Body))
	}
	return p.ids.say(decode(r.Data.Body).(string))
}

func compact(raw []byte) string {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return string(raw)
	}
	return b.String()
}

// frame is a client's packet with our ids, and our number if it answers us. It
// does not answer what our hub did not ask.
func (p *player) frame(c *peer, r *record) (text string, asked bool) {
	prefix := r.Data.Packet
	payload := compact(r.Data.Payload)
	p.ids.brought(payload)
	if strings.HasPrefix(prefix, "43") {
		p.claim(c, prefix)
		if prefix, asked = p.ids.acks[c.name+" "+prefix]; !asked {
			return "", false
		}
	}
	token := p.token
	if strings.HasPrefix(prefix, "40/terminal") {
		token = cmp.Or(p.tokens[r.N], p.jwt)
	}
	return prefix + strings.ReplaceAll(p.ids.say(payload), "<token>", token), true
}

// claim takes our hub's next question of the same name for the recorded one that
// is about to be answered, even if it differs; without an answer, its farewell.
func (p *player) claim(c *peer, answer string) {
	p.owed = slices.DeleteFunc(p.owed, func(e expected) bool {
		if e.in != &c.frames || answer == "" && e.r.Data.Op != "close" || answer != "" && e.r.Data.Packet != "42"+strings.TrimPrefix(answer, "43") {
			return false
		}
		want := p.form(e.r)
		got := e.in.take(func(a *arrival) bool { return a.label == want.label })
		if got != nil {
			p.compare(e, want, got)
		}
		return got != nil
	})
}

// reply answers what the recorded hub did not ask, as the process would have.
func (p *player) reply(c *peer) {
	for method, answer := range p.answers {
		for a := c.frames.take(asks(method)); a != nil; a = c.frames.take(asks(method)) {
			parts := packets.FindStringSubmatch(a.label)
			p.write(c, opText, fmt.Appendf(nil, `43%s%v[%s]`, parts[2], field(a.body, "number"), strconv.Quote(answer)))
		}
	}
}

func asks(method string) func(*arrival) bool {
	return func(a *arrival) bool {
		asked, _ := field(a.body, "packet", 1, "method").(string)
		return field(a.body, "number") != nil && strings.HasSuffix(asked, ":"+method)
	}
}

func (p *player) write(c *peer, op byte, data []byte) {
	if c.socket == nil {
		p.t.Fatalf("%s has no socket", c.name)
	}
	_ = writeFrame(c.socket, op, data) // a hub that hung up too early has said so by what it did not say
}

// learnToken notes the session token that our hub gave.
func (p *player) learnToken(r *record, got *arrival) {
	said, _ := got.body.(map[string]any)
	body, _ := said["body"].(map[string]any)
	if token, ok := body["token"].(string); ok && r.Conn == "web" && r.Data.Path == "/api/auth" {
		p.jwt = token
	}
}

// consume takes a prompt as its process would that recorded nothing of it: the
// recorded hub gave it no local id, and so nothing to acknowledge. Ours gives
// one (messages §16.23).
func (p *player) consume(r *record, want, got *arrival) {
	theirs, ours := field(want.body, "packet", 1, "body", "message", "localId"), field(got.body, "packet", 1, "body", "message", "localId")
	local, given := ours.(string)
	session, _ := field(got.body, "packet", 1, "body", "sid").(string)
	if id, ok := field(got.body, "packet", 1, "body", "message", "id").(string); ok {
		p.delivered[id] = true
	}
	if theirs == nil && given && session != "" {
		p.write(p.peer(r.Conn), opText, fmt.Appendf(nil, `42/cli,["messages-consumed",{"sid":%q,"localIds":[%q]}]`, session, local))
	}
}

// field is what stands at a place in JSON, or nil.
func field(v any, path ...any) any {
	for _, step := range path {
		switch at := step.(type) {
		case string:
			object, _ := v.(map[string]any)
			v = object[at]
		case int:
			list, _ := v.([]any)
			if at >= len(list) {
				return nil
			}
			v = list[at]
		}
	}
	return v
}

// learnNumber notes which number our hub gave a question, for the answer. A
// number is the hub's own affair, so it is not compared.
func (p *player) learnNumber(r *record, want, got *arrival) {
	theirs, _ := want.body.(map[string]any)
	ours, _ := got.body.(map[string]any)
	if theirs["number"] == nil || ours["number"] == nil {
		return // the comparison shows it if it matters
	}
	prefix := packets.FindStringSubmatch(r.Data.Packet)
	p.ids.acks[r.Conn+" 43"+prefix[2]+prefix[3]] = "43" + prefix[2] + fmt.Sprint(ours["number"])
	theirs["number"], ours["number"] = "", ""
}
