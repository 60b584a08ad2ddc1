package replay_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tolerance is by how much a moment may differ from the recorded one.
const tolerance = time.Second

// comparison holds an answer of our hub against the recorded one, field by
// field.
type comparison struct {
	ids    *identities
	try    bool // learn nothing
	differ func(field, want, got string)
}

// decode reads JSON without losing a digit; what is not JSON is a string.
func decode(raw []byte) any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return string(raw)
	}
	return v
}

func (c *comparison) value(field string, want, got any) {
	switch w := want.(type) {
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			c.object(field, w, g)
			return
		}
	case []any:
		if g, ok := got.([]any); ok {
			c.list(field, w, g)
			return
		}
	case string:
		if g, ok := got.(string); ok {
			c.text(field, w, g)
			return
		}
	case json.Number:
		if g, ok := got.(json.Number); ok {
			c.number(field, w, g)
			return
		}
	default:
		if want == got {
			return
		}
	}
	c.differ(field, show(want), show(got))
}

func (c *comparison) object(field string, want, got map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		below := field + "." + c.ids.general(key)
		if g, has := got[c.ids.say(key)]; has {
			c.value(below, want[key], g)
		} else {
			c.differ(below, show(want[key]), "nothing")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, has := want[key]; !has {
			if _, has := want[c.ids.trace(key)]; !has {
				c.differ(field+"."+c.ids.general(key), "nothing", show(got[key]))
			}
		}
	}
}

func (c *comparison) list(field string, want, got []any) {
	if n := len(want); n > 0 && isCut(want[n-1]) { // the recording has only the first entries
		want, got = want[:n-1], got[:min(n-1, len(got))]
	}
	if len(want) != len(got) {
		c.differ(field+".length", strconv.Itoa(len(want)), strconv.Itoa(len(got)))
	}
	for i := range min(len(want), len(got)) {
		c.value(field+"[]", want[i], got[i])
	}
}

func (c *comparison) text(field, want, got string) {
	switch {
	case c.ids.say(want) == got:
	case want == "<token>" && got != "":
	case c.given(field, want, got) && c.ids.learn(want, got, c.try):
	case sized.MatchString(want):
		if size := sized.FindStringSubmatch(want)[1]; strconv.Itoa(len(got)) != size {
			c.differ(field, want, strconv.Itoa(len(got))+" bytes")
		}
	case packets.MatchString(want) && packets.MatchString(got) && strings.Contains(want, "{"):
		c.packets(field, want, got)
	case isJSON(want) && isJSON(got):
		c.value(field, decode([]byte(want)), decode([]byte(got)))
	default:
		c.differ(field, show(want), show(got))
	}
}

// packets compares what a poll brought: packets with JSON, and a separator
// between them.
func (c *comparison) packets(field, want, got string) {
	w, g := strings.Split(want, "\x1e"), strings.Split(got, "\x1e")
	if len(w) != len(g) {
		c.differ(field, show(want), show(got))
		return
	}
	for i := range w {
		wantHead, gotHead := packets.FindString(w[i]), packets.FindString(g[i])
		if wantHead != gotHead {
			c.differ(field, show(w[i]), show(g[i]))
			continue
		}
		c.value(field+".packet", decode([]byte(w[i][len(wantHead):])), decode([]byte(g[i][len(gotHead):])))
	}
}

// sized is a body of which the recording has only the size.
var sized = regexp.MustCompile(`^<(\d+) bytes .*>$`)

var cuts = regexp.MustCompile(`^…\[cut \d+ entries\]$`)

func isCut(v any) bool {
	text, ok := v.(string)
	return ok && cuts.MatchString(text)
}

// given says whether a text is an id that the hub gave.
func (c *comparison) given(field, want, got string) bool {
	return uuid.MatchString(want) && uuid.MatchString(got) ||
		strings.HasSuffix(field, ".subscriptionId") || strings.HasSuffix(field, "packet.sid") || field == ".cursor"
}

func (c *comparison) number(field string, want, got json.Number) {
	if name := field[strings.LastIndexByte(field, '.')+1:]; seqs.MatchString(name) && c.ofMessages(field) {
		if !c.try {
			c.ids.learnSeq(want, got)
		}
		return // ours takes another when the agent takes the prompt (messages §3.3 rule 1)
	}
	if sameMoment(want, got) {
		if !c.try {
			c.ids.learnMoment(want, got)
		}
		return
	}
	if want != got {
		c.differ(field, want.String(), got.String())
	}
}

// ofMessages says whether a field is about messages' places. Sessions and
// machines have a seq of their own.
func (c *comparison) ofMessages(field string) bool {
	return strings.Contains(field, "message") || strings.Contains(field, ".page.") || field == ".packet[].seq"
}

func isJSON(s string) bool {
	return len(s) > 0 && (s[0] == '{' || s[0] == '[') && json.Valid([]byte(s))
}

func show(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(b) > 200 {
		return fmt.Sprintf("%.200s… (%d bytes)", b, len(b))
	}
	return string(b)
}

// inOrder brings the rows of a page into the order of their positions, as
// clients do. Ours are newest first where the reader did not ask for positions
// (messages §3.3).
func inOrder(answer any) any {
	said, _ := answer.(map[string]any)
	body, _ := said["body"].(map[string]any)
	rows, _ := body["messages"].([]any)
	if _, paged := body["page"]; !paged {
		return answer
	}
	slices.SortStableFunc(rows, func(a, b any) int {
		return cmp.Or(cmp.Compare(number(a, "invokedAt", "createdAt"), number(b, "invokedAt", "createdAt")), cmp.Compare(number(a, "seq"), number(b, "seq")))
	})
	return answer
}

// number is the first of the keys that a row has as a number.
func number(row any, keys ...string) int64 {
	r, _ := row.(map[string]any)
	for _, key := range keys {
		if n, ok := r[key].(json.Number); ok {
			v, _ := n.Int64()
			return v
		}
	}
	return 0
}
