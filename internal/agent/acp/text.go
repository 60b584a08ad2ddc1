package acp

import (
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
)

// textMode is how an agent sends a text that grows.
type textMode int

const (
	undecided  textMode = iota // found out by its first texts
	delta                      // piece after piece
	cumulative                 // the whole text so far, again and again
)

// snapshotEvery is how often a growing text is shown.
const snapshotEvery = 250 * time.Millisecond

// tellingLength is how long the beginning of a text must be so that a second
// piece which repeats it cannot be chance.
const tellingLength = 16

// segment is a text between two other things the agent does.
type segment struct {
	kind string // message or reasoning
	mode *textMode
	now  func() time.Time
	emit func(data map[string]any)

	text   string
	pieces []string // while the mode is undecided
	id     string   // of the stream; empty until a snapshot was shown
	shown  int      // length of the latest snapshot
	at     time.Time
}

// add takes a piece, and shows the text so far now and then: the longer it is,
// the more must have come, so that a long text is not sent over and over.
func (s *segment) add(piece string) {
	if piece == "" {
		return
	}
	s.join(piece)
	now := s.now()
	switch {
	case s.at.IsZero():
		s.at = now
	case now.Sub(s.at) >= snapshotEvery && len(s.text) > s.shown+s.shown/4:
		s.show()
	}
}

// show shows the text so far.
func (s *segment) show() {
	if len(s.text) == s.shown || blank(s.text) || strings.HasPrefix(strings.TrimSpace(s.text), `{"type":`) { // see limitText
		return
	}
	if s.id == "" {
		s.id = uuid.NewString()
	}
	s.at, s.shown = s.now(), len(s.text)
	s.emit(map[string]any{"type": s.kind, "message": s.text, "id": s.id, "live": true})
}

// put adds what is not of the growing text itself, such as a link.
func (s *segment) put(what string) {
	if *s.mode == delta {
		s.add(what)
		return
	}
	s.flush() // the agent may say all the text again
	s.text = what
	s.flush()
}

func (s *segment) join(piece string) {
	switch *s.mode {
	case delta:
		s.text += piece
	case cumulative:
		if strings.HasPrefix(piece, s.text) {
			s.text = piece
		} else {
			s.text += piece
		}
	case undecided:
		s.decide(piece)
	}
}

// decide finds out what the agent's pieces are. Pieces that each repeat the one
// before are whole texts; a piece that does not is a part.
func (s *segment) decide(piece string) {
	s.pieces = append(s.pieces, piece)
	n := len(s.pieces)
	if n == 1 {
		s.text = piece
		return
	}
	before := s.pieces[n-2]
	repeats := len(piece) > len(before) && strings.HasPrefix(piece, before)
	switch {
	case repeats && (n > 2 || len(before) >= tellingLength):
		*s.mode, s.text, s.pieces = cumulative, piece, nil
	case repeats:
		s.text += piece
	default:
		*s.mode, s.pieces = delta, nil
		s.text += piece
	}
}

// flush ends the text: what was shown of it so far becomes final.
func (s *segment) flush() {
	text, id := s.text, s.id
	s.text, s.id, s.shown, s.at, s.pieces = "", "", 0, time.Time{}, nil
	if blank(text) {
		return
	}
	if limit, ours := limitText(text); ours { // it came in pieces
		if text = limit; text == "" {
			return
		}
	}
	row := map[string]any{"type": s.kind, "message": text}
	if id != "" {
		row["id"] = id
	} else if s.kind == "reasoning" {
		row["id"] = uuid.NewString()
	}
	s.emit(row)
}

func blank(s string) bool { return strings.TrimFunc(s, unicode.IsSpace) == "" }
