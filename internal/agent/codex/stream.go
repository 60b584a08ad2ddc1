package codex

import (
	"encoding/json"
	"strings"
	"time"
)

const (
	// snapshotEvery is how long two snapshots of a growing text are apart.
	snapshotEvery = 300 * time.Millisecond
	// snapshotGrowth is by how much a text grows between two: each snapshot is a
	// row of its own, and together they stay a small multiple of the text. One
	// that grows less is shown after snapshotPatience.
	snapshotGrowth   = 1.3
	snapshotPatience = 2 * time.Second
)

// stream is a text or a thought that Codex is writing. People see it grow: each
// snapshot replaces the one before, by its id.
type stream struct {
	id     string // of its rows
	kind   string // of the item
	text   strings.Builder
	shown  int // bytes in the last snapshot
	at     time.Time
	later  *time.Timer // shows what came since; nil while nothing waits
	titled bool        // a thought with a headline, shown as a card
}

// delta adds to a text that is being written.
func (r *rows) delta(method string, params json.RawMessage) {
	var in struct {
		ItemID string `json:"itemId"`
		Delta  string `json:"delta"`
	}
	if json.Unmarshal(params, &in) != nil || in.ItemID == "" || r.done[in.ItemID] {
		return
	}
	s := r.stream(in.ItemID, kindOfDelta(method))
	if method == "item/reasoning/summaryPartAdded" && s.text.Len() > 0 {
		in.Delta = "\n\n"
	}
	s.text.WriteString(in.Delta)
	s.show(r)
}

func kindOfDelta(method string) string {
	switch method {
	case "item/agentMessage/delta":
		return "agentMessage"
	case "item/plan/delta":
		return "plan"
	default:
		return "reasoning"
	}
}

func (r *rows) stream(itemID, kind string) *stream {
	s := r.streams[itemID]
	if s == nil {
		s = &stream{id: newID(), kind: kind}
		r.streams[itemID] = s
	}
	return s
}

// show brings what there is before people, if it is time and worth a row.
func (s *stream) show(r *rows) {
	text := s.text.String()
	if s.kind == "plan" || s.titled || strings.TrimSpace(text) == "" {
		return
	}
	if s.kind == "reasoning" && strings.HasPrefix(text, "**") {
		if title, _, whole := headline(text); whole {
			s.titled = true
			r.call(s.id, "CodexReasoning", data{"title": title})
		}
		return
	}
	pause := snapshotEvery
	if float64(len(text)) < snapshotGrowth*float64(s.shown) {
		pause = snapshotPatience
	}
	if wait := pause - time.Since(s.at); wait > 0 {
		s.showIn(r, wait)
		return
	}
	s.stopWaiting()
	if len(text) > s.shown {
		s.shown, s.at = len(text), time.Now()
		r.emit(s.row(text, true))
	}
}

// showIn shows the text a little later, unless it is complete by then.
func (s *stream) showIn(r *rows, wait time.Duration) {
	if s.later != nil {
		return
	}
	s.later = time.AfterFunc(wait, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if s.later != nil {
			s.later = nil
			s.show(r)
		}
	})
}

// stopWaiting forgets what was to be shown later. The caller holds the rows' mu.
func (s *stream) stopWaiting() {
	if s.later != nil {
		s.later.Stop()
		s.later = nil
	}
}

// row is the text as a row. live says that another one will replace it.
func (s *stream) row(text string, live bool) data {
	d := data{"type": "message", "message": text, "id": s.id}
	if s.kind == "reasoning" {
		d["type"] = "reasoning"
	}
	switch {
	case live:
		d["live"] = true
		if s.kind == "agentMessage" {
			d["streamSnapshot"] = true
		}
	case s.shown > 0 && s.kind == "agentMessage":
		d["live"] = false
	}
	return d
}

// written shows a text, a plan or a thought that is complete.
func (r *rows) written(complete bool, i *item) {
	if !complete {
		return
	}
	s := r.stream(i.ID, i.Type)
	text := i.whole()
	if strings.TrimSpace(text) == "" {
		text = s.text.String() // the item came without what was written
	}
	s.finish(r, text, "completed")
	delete(r.streams, i.ID)
}

// settle shows a text that will not be completed as far as it came.
func (s *stream) settle(r *rows) { s.finish(r, s.text.String(), "canceled") }

func (s *stream) finish(r *rows, text, status string) {
	s.stopWaiting()
	if strings.TrimSpace(text) == "" {
		return
	}
	switch s.kind {
	case "plan":
		r.pair("codex-proposed-plan:"+s.id, "ExitPlanMode", data{"plan": text}, nil, false)
		return
	case "reasoning":
		if title, rest, whole := headline(text); whole {
			if !s.titled {
				r.call(s.id, "CodexReasoning", data{"title": title})
			}
			r.result(s.id, data{"content": rest, "status": status}, false)
			return
		}
	}
	r.emit(s.row(text, false))
}

// headline splits off the bold title a thought begins with.
func headline(text string) (title, rest string, whole bool) {
	inner, bold := strings.CutPrefix(strings.TrimSpace(text), "**")
	if !bold {
		return "", "", false
	}
	title, rest, whole = strings.Cut(inner, "**")
	return strings.TrimSpace(title), strings.TrimSpace(rest), whole && strings.TrimSpace(title) != ""
}

// whole is the text of a complete item.
func (i *item) whole() string {
	if i.Type != "reasoning" {
		return i.Text
	}
	if text := strings.Join(i.Summary, "\n\n"); strings.TrimSpace(text) != "" {
		return text
	}
	var content []string
	_ = json.Unmarshal(i.Content, &content) // without content there is the summary
	return strings.Join(content, "\n\n")
}
