package replay_test

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// identities knows what the trace's ids, moments and numbers are called in this
// run. An id that a client brought keeps its name; one that the recorded hub
// gave is learned where ours gives its own.
type identities struct {
	ours    map[string]string // the trace's id -> ours
	theirs  map[string]string // the way back, so that two never become one
	moments map[string]string // the trace's ms -> ours
	acks    map[string]string // conn, namespace and number of a hub's question -> ours
	replace *strings.Replacer
}

var (
	uuids   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	uuid    = regexp.MustCompile(`^` + uuids.String() + `$`)
	inQuery = regexp.MustCompile(`((?:before|after|until)(?:At|Seq))=(\d+)`)
	moment  = regexp.MustCompile(`^1[78]\d{11}$`)
	seqs    = regexp.MustCompile(`^(seq|next(Before|After)Seq|snapshotHeadSeq)$`)
)

func newIdentities() *identities {
	return &identities{
		ours: map[string]string{}, theirs: map[string]string{}, moments: map[string]string{}, acks: map[string]string{},
		replace: strings.NewReplacer(),
	}
}

// brought notes the ids of what a client sends: the hub has to keep them.
func (i *identities) brought(raw string) {
	for _, id := range uuids.FindAllString(raw, -1) {
		if _, known := i.ours[id]; !known {
			i.ours[id], i.theirs[id] = id, id
		}
	}
}

// learn takes id for what our hub calls the trace's id, unless one of them is
// taken already. A try only says whether it would.
func (i *identities) learn(want, got string, try bool) bool {
	if _, known := i.ours[want]; known {
		return false
	}
	if _, known := i.theirs[got]; known || got == "" {
		return false
	}
	if try {
		return true
	}
	i.ours[want], i.theirs[got] = got, want
	pairs := make([]string, 0, 4*len(i.ours))
	for want, got := range i.ours {
		if want != got {
			pairs = append(pairs, want, got)
			if escaped := url.QueryEscape(want); escaped != want {
				pairs = append(pairs, escaped, url.QueryEscape(got))
			}
		}
	}
	i.replace = strings.NewReplacer(pairs...)
	return true
}

// say puts our ids into a text of the trace.
func (i *identities) say(text string) string { return i.replace.Replace(text) }

// path puts our ids and cursors into a request's path.
func (i *identities) path(path string) string {
	return inQuery.ReplaceAllStringFunc(i.say(path), func(part string) string {
		name, value, _ := strings.Cut(part, "=")
		return name + "=" + i.number(name, value)
	})
}

// number is what the trace's cursor number is here.
func (i *identities) number(name, value string) string {
	if strings.HasSuffix(name, "At") {
		if ours, known := i.moments[value]; known {
			return ours
		}
		return value
	}
	if ours, known := i.acks["seq "+value]; known {
		return ours
	}
	return value
}

// learnMoment notes that the trace's moment is got here.
func (i *identities) learnMoment(want, got json.Number) { i.moments[want.String()] = got.String() }

// learnSeq notes what the trace's seq is here; the last word counts.
func (i *identities) learnSeq(want, got json.Number) { i.acks["seq "+want.String()] = got.String() }

// same says whether two moments are one: the clock of the test runs with the
// recorded one, and the recorded hub took its time.
func sameMoment(want, got json.Number) bool {
	if !moment.MatchString(want.String()) || !moment.MatchString(got.String()) {
		return false
	}
	w, _ := strconv.ParseInt(want.String(), 10, 64)
	g, _ := strconv.ParseInt(got.String(), 10, 64)
	return max(w-g, g-w) <= tolerance.Milliseconds()
}

// trace is the trace's name of our id.
func (i *identities) trace(id string) string {
	if want, known := i.theirs[id]; known {
		return want
	}
	return id
}

// general is a text without the ids in it, so that a place is named alike in
// every run.
func (i *identities) general(text string) string { return uuids.ReplaceAllString(text, ":id") }
