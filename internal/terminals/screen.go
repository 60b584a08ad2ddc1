package terminals

import "bytes"

// scrollback is how much of a shell's output is kept.
const scrollback = 256 << 10

// Control sequences of terminals.
const (
	resetAll       = "\x1bc"
	enterAlternate = "\x1b[?1049h" // programs that draw the whole screen
	leaveAlternate = "\x1b[?1049l"
)

// screen is the latest output of a shell.
type screen struct {
	kept      []byte
	alternate bool // the whole screen is some program's
}

func (s *screen) add(b []byte) {
	s.kept = append(s.kept, b...)
	// A sequence may be split over two frames.
	tail := s.kept[max(0, len(s.kept)-len(b)-len(enterAlternate)):]
	in, out := bytes.LastIndex(tail, []byte(enterAlternate)), bytes.LastIndex(tail, []byte(leaveAlternate))
	if in != out {
		s.alternate = in > out
	}
	if len(s.kept) > 2*scrollback {
		s.kept = append([]byte(nil), s.latest()...)
	}
}

// latest is what is kept, from the beginning of a line.
func (s *screen) latest() []byte {
	if len(s.kept) <= scrollback {
		return s.kept
	}
	b := s.kept[len(s.kept)-scrollback:]
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[i+1:]
	}
	return b
}

// replay is output that makes any terminal show what is kept, whatever it
// showed before.
func (s *screen) replay() []byte {
	b := s.latest()
	if len(b) == 0 {
		return nil
	}
	out := []byte(resetAll)
	if s.alternate && !bytes.Contains(b, []byte(enterAlternate)) {
		out = append(out, enterAlternate...)
	}
	return append(out, b...)
}
