package terminals

import (
	"slices"
	"time"

	"hapi/internal/wire"
)

// viewer is a browser that looks at a terminal. There may be several: each is
// shown everything, and may type.
type viewer struct {
	browser    Peer
	cols, rows int

	unsent []byte
	behind bool // more was unsent than is shown again: show all of that
	sentAt time.Time
}

// viewer is the browser as one that looks at the terminal; nil if it does not.
func (t *terminal) viewer(browser Peer) *viewer {
	for _, v := range t.viewers {
		if v.browser == browser {
			return v
		}
	}
	return nil
}

// leave forgets a viewer. The others may have more room now.
func (t *terminal) leave(v *viewer) {
	t.viewers = slices.DeleteFunc(t.viewers, func(o *viewer) bool { return o == v })
	t.fit()
}

// size is what fits into every browser that looks: nothing is cut off anywhere.
func (t *terminal) size() (cols, rows int) {
	for i, v := range t.viewers {
		if i == 0 {
			cols, rows = v.cols, v.rows
		}
		cols, rows = min(cols, v.cols), min(rows, v.rows)
	}
	return cols, rows
}

// fit tells the process if the size is another one now. A shell that nobody
// looks at keeps its size.
func (t *terminal) fit() {
	cols, rows := t.size()
	if len(t.viewers) == 0 || cols == t.cols && rows == t.rows {
		return
	}
	t.cols, t.rows = cols, rows
	emit(t.process, wire.EventTerminalResize, wire.TerminalOpen{SessionID: t.session, TerminalID: t.id, Cols: cols, Rows: rows})
}

// owe notes output that the viewer is still to be shown.
func (v *viewer) owe(data string) {
	switch {
	case v.behind:
	case len(v.unsent)+len(data) > kept:
		v.unsent, v.behind = nil, true
	default:
		v.unsent = append(v.unsent, data...)
	}
}

// send sends a viewer what it has not seen. The caller holds mu.
func (s *Service) send(t *terminal, v *viewer) {
	data := string(v.unsent)
	if v.behind { // what was sent may end inside a sequence: cancel that
		data = "\x18" + t.shown.text()
	}
	v.unsent, v.behind, v.sentAt = nil, false, s.now()
	if data != "" {
		emit(v.browser, wire.EventTerminalOutput, wire.TerminalData{SessionID: t.session, TerminalID: t.id, Data: data})
	}
}
