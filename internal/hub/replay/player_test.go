package replay_test

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
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

// expected is what the recorded hub said.
type expected struct {
	r  *record
	in *inbox
}

// match is what our hub said in the place of what was expected.
type match struct {
	expected
	what string
	got  *arrival
}

// difference is one between the recorded hub and ours.
type difference struct {
	trace     string
	line      int
	what      string // who heard it, and what it was
	field     string
	want, got string
}

func (d difference) String() string {
	return fmt.Sprintf("%s:%d %s\n\t%s: recorded %s, ours %s", d.trace, d.line, d.what, d.field, d.want, d.got)
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

// collect takes what our hub has said by now. What it has not said in time is
// looked for once more at the end.
func (p *player) collect() {
	for _, c := range p.peers {
		p.reply(c)
	}
	p.owed = slices.DeleteFunc(p.owed, func(e expected) bool {
		switch {
		case p.matched(e):
			return true
		case p.overdue(e) && e.r.Kind != "rest-res":
			p.missed = append(p.missed, e)
			return true
		}
		return false
	})
}

func (p *player) overdue(e expected) bool { return p.over || time.Since(p.at(e.r)) > tolerance }

// at is when something was recorded.
func (p *player) at(r *record) time.Time { return time.UnixMilli(p.began + r.T) }

func (p *player) peer(name string) *peer {
	c := p.peers[name]
	if c == nil {
		c = &peer{name: name}
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

// expect notes what the recorded hub said here. Ours may have said it already,
// or say it within the tolerance.
func (p *player) expect(r *record) {
	c := p.peer(r.Conn)
	switch {
	case r.Kind == "rest-res":
		r.request = c.answered(r)
		p.owed = append(p.owed, expected{r, &c.answers})
	case r.Kind == "sse" && r.Data.Truncated:
		c.stream.leave()
	case r.Kind == "sse":
		p.owed = append(p.owed, expected{r, &c.events})
		if p.recorded[&c.events] == nil {
			p.recorded[&c.events] = told{}
		}
		if !r.Data.Closed {
			p.recorded[&c.events].add(p.at(r), r.N, p.form(r).body)
		}
	default:
		p.owed = append(p.owed, expected{r, &c.frames})
	}
}

// form is what was recorded in the form of an arrival, named with our ids.
func (p *player) form(r *record) *arrival {
	var a *arrival
	switch {
	case r.Kind == "rest-res":
		a = p.answer(r)
	case r.Kind == "sse" && r.Data.Closed:
		a = &arrival{label: "closed", loose: "closed"}
	case r.Kind == "sse":
		a = event([]byte(p.ids.say(string(r.Data.JSON))), r.Data.ID)
		a.body.(map[string]any)["event"] = decode(r.Data.JSON)
	case r.Data.Op == "text":
		a = packet(r.Data.Packet + p.ids.say(compact(r.Data.Payload)))
		if body, ok := a.body.(map[string]any); ok && len(r.Data.Payload) > 0 {
			body["packet"] = decode(r.Data.Payload)
		}
	case r.Data.Op == "close":
		code := "null"
		if r.Data.Code != nil {
			code = fmt.Sprint(*r.Data.Code)
		}
		a = &arrival{label: "close", loose: "close", body: code}
	case r.Data.Op == "tcp-closed":
		a = &arrival{label: "tcp-closed", loose: "tcp-closed"}
	default:
		p.t.Fatalf("line %d: %s cannot be compared", r.N, r.Kind)
	}
	return a
}

// answer is a recorded answer in the form of ours.
func (p *player) answer(r *record) *arrival {
	list := map[string]any{}
	for name, value := range r.Data.Headers {
		list[strings.ToLower(name)] = value
	}
	said := map[string]any{"status": json.Number(fmt.Sprint(r.Data.Status)), "headers": meaningful(list)}
	if len(r.Data.Body) > 0 {
		said["body"] = decode(r.Data.Body)
	}
	return &arrival{label: r.name(r.request), body: said}
}

// matched takes what our hub said in the place of what was expected. When it is
// overdue, something that differs is better than nothing.
func (p *player) matched(e expected) bool {
	want := p.form(e.r)
	inTime := func(a *arrival) bool { return a.at.Sub(p.at(e.r)).Abs() <= tolerance }
	named := func(a *arrival) bool { return a.label == want.label }
	equal := func(a *arrival) bool { return named(a) && p.equal(e.r, want, a) }
	overdue := p.overdue(e)
	_, _, session := sessionEvent(want.body)
	var got *arrival
	switch {
	case p.tellsNothing(e, want):
		p.quiet++
		return true
	case e.r.Kind == "rest-res":
		got = e.in.take(named) // one of a kind
	case overdue && session:
		got = e.in.take(both(inTime, equal))
	case overdue:
		got = cmp.Or(e.in.take(both(inTime, equal)), e.in.take(both(inTime, named)))
	default:
		got = e.in.take(both(inTime, equal))
	}
	if got == nil && time.Since(p.at(e.r)) > tolerance/10 {
		if _, told := p.toldOtherwise(e, want); told {
			p.quiet++
			return true
		}
	}
	if got == nil && p.over && !session {
		got = cmp.Or(e.in.take(equal), e.in.take(func(a *arrival) bool { return inTime(a) && want.loose != "" && a.loose == want.loose }))
	}
	if got != nil {
		p.compare(e, want, got)
	}
	return got != nil
}

func both(a, b func(*arrival) bool) func(*arrival) bool {
	return func(x *arrival) bool { return a(x) && b(x) }
}

// tellsNothing says whether a recorded event told nothing new.
func (p *player) tellsNothing(e expected, want *arrival) bool {
	_, _, ok := sessionEvent(want.body)
	return ok && len(p.recorded[e.in].news(e.r.N, want.body)) == 0
}

// toldOtherwise says whether our hub told by other events what was news in a
// recorded one, and what it did not.
func (p *player) toldOtherwise(e expected, want *arrival) (untold []string, all bool) {
	id, data, ok := sessionEvent(want.body)
	if !ok {
		return nil, false
	}
	news := p.recorded[e.in].news(e.r.N, want.body)
	before := p.recorded[e.in].before(id, e.r.N)
	for _, k := range e.in.told(p.ids.say(id), p.at(e.r)) {
		state := k.state
		known := maps.Clone(news)
		if _, whole := data["id"]; whole { // it brings much that a stream which began later does not know
			maps.DeleteFunc(known, func(key string, _ any) bool { return before[key] == nil && state[key] == nil })
		}
		missing := p.missing(known, state)
		if len(missing) == 0 {
			if ours, ok := field(e.in.at(k.line).body, "cursor").(string); ok && e.r.Data.ID != "" {
				p.ids.learn(e.r.Data.ID, ours, false)
			}
			return nil, true
		}
		if untold == nil || len(missing) < len(untold) {
			untold = missing
		}
	}
	return untold, false
}

// wasTold is the same for an event of ours that was not recorded.
func (p *player) wasTold(in *inbox, a *arrival) bool {
	id, _, ok := sessionEvent(a.body)
	if !ok {
		return false
	}
	_, data, _ := sessionEvent(a.body)
	for _, k := range p.recorded[in].around(p.ids.trace(id), a.at) {
		state := k.state
		known := map[string]any{}
		for key := range flat(data) {
			known[key] = state[key]
		}
		if len(p.missing(known, flat(data))) == 0 {
			p.quiet++
			return true
		}
	}
	return false
}

// missing is what of a recorded state one of ours does not have.
func (p *player) missing(recorded, ours map[string]any) (fields []string) {
	c := comparison{ids: p.ids, try: true, differ: func(field, want, got string) {
		fields = append(fields, fmt.Sprintf("%s: %s, ours %s", field, want, got))
	}}
	for _, key := range slices.Sorted(maps.Keys(recorded)) {
		c.value(key, recorded[key], ours[key])
	}
	return fields
}

// equal says whether two differ in nothing but what is allowed.
func (p *player) equal(r *record, want, got *arrival) bool {
	same, what := true, p.what(r, want)
	c := comparison{ids: p.ids, try: true, differ: func(field, want, got string) {
		same = same && excuse(p.difference(r, what, strings.TrimPrefix(field, "."), want, got)) >= 0
	}}
	c.value("", want.body, inOrder(got.body))
	return same
}

func (p *player) compare(e expected, want, got *arrival) {
	what := p.what(e.r, want)
	p.matches = append(p.matches, match{e, what, got})
	p.learnNumber(e.r, want, got)
	p.learnToken(e.r, got)
	p.consume(e.r, want, got)
	if late := got.at.Sub(p.at(e.r)); late.Abs() > tolerance {
		p.differ(e.r, what, "time", "here", late.String())
	}
	c := comparison{ids: p.ids, differ: func(field, want, got string) {
		p.differ(e.r, what, strings.TrimPrefix(field, "."), want, got)
	}}
	c.value("", want.body, inOrder(got.body))
}

// learnToken notes the session token that our hub gave.
func (p *player) learnToken(r *record, got *arrival) {
	said, _ := got.body.(map[string]any)
	body, _ := said["body"].(map[string]any)
	if token, ok := body["token"].(string); ok && r.Conn == "web" && r.Data.Path == "/api/auth" {
		p.jwt = token
	}
}

// repeated says whether a frame only delivers a prompt again. The recorded hub
// does at every beat, ours ever more seldom (messages §16.3).
func (p *player) repeated(a *arrival) bool {
	id, ok := field(a.body, "packet", 1, "body", "message", "id").(string)
	again := ok && p.delivered[p.ids.say(id)]
	if again {
		p.quiet++
	}
	return again
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

// what names a place alike in every run.
func (p *player) what(r *record, want *arrival) string {
	label := want.label
	if r.Kind == "rest-res" {
		label = r.Data.Method + " " + inQuery.ReplaceAllString(r.Data.Path, "$1=:n")
	}
	return p.ids.general(r.Conn + " " + label)
}

func (p *player) difference(r *record, what, field, want, got string) difference {
	return difference{trace: p.trace, line: r.N, what: what, field: field, want: want, got: got}
}

func (p *player) differ(r *record, what, field, want, got string) {
	p.differences = append(p.differences, p.difference(r, what, field, want, got))
}

// settle reports what never came, what nobody expected, and what came in
// another order.
func (p *player) settle(list []record) {
	p.over = true
	for _, e := range append(p.missed, p.owed...) {
		if !p.matched(e) && !p.repeated(p.form(e.r)) {
			want := p.form(e.r)
			if untold, _ := p.toldOtherwise(e, want); untold != nil {
				p.differ(e.r, p.what(e.r, want), "told", strings.Join(untold, "; "), "not told")
				continue
			}
			p.differ(e.r, p.what(e.r, want), "all", show(want.body), "nothing")
		}
	}
	last := &list[len(list)-1]
	for _, c := range p.peers {
		for _, in := range []*inbox{&c.answers, &c.frames, &c.events} {
			for _, a := range in.left() {
				if p.wasTold(in, a) || p.repeated(a) {
					continue
				}
				p.differ(last, p.ids.general(c.name+" "+a.label), "all", "nothing", show(a.body))
			}
		}
	}
	p.checkOrder()
}

// checkOrder reports what came before something that it followed. What is about
// different sessions or machines has no order.
func (p *player) checkOrder() {
	type subject struct {
		in *inbox
		of string
	}
	slices.SortFunc(p.matches, func(a, b match) int { return cmp.Compare(a.r.N, b.r.N) })
	latest := map[subject]match{}
	for _, m := range p.matches {
		s := subject{in: m.in}
		if m.r.Kind == "sse" {
			_, s.of, _ = strings.Cut(m.got.loose, " ")
		}
		if m.r.Kind == "rest-res" {
			continue // each on a connection of its own
		}
		if before, any := latest[s]; any && m.got.place < before.got.place {
			p.differ(m.r, m.what, "order", "after "+before.what, "before it")
		} else {
			latest[s] = m
		}
	}
}
