package replay_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

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
		got = e.in.take(both(inTime, equal), both(inTime, named))
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
		got = e.in.take(equal, func(a *arrival) bool { return inTime(a) && want.loose != "" && a.loose == want.loose })
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
	id, data, ok := sessionEvent(a.body)
	if !ok {
		return false
	}
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
