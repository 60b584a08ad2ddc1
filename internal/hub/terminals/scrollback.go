package terminals

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// scrollback is the end of what a terminal printed, for whoever looks at it
// next. Its beginning is never inside a character or an escape sequence, and a
// beginning of a line if there is one near.
type scrollback struct{ b []byte }

const (
	// kept is how many bytes are shown again.
	kept = 256 << 10
	// lineWithin is how far a cut looks for the beginning of a line.
	lineWithin = 4 << 10
)

// add appends output. It is cut now and then, so that each byte is looked at a
// bounded number of times.
func (s *scrollback) add(data string) {
	s.b = append(s.b, data...)
	if len(s.b) > 2*kept {
		s.cut()
	}
}

// text is what is shown again.
func (s *scrollback) text() string {
	s.cut()
	return string(s.b)
}

// Bounds of the line that stands for a terminal.
const (
	lineBefore = 16 << 10 // bytes of output that are looked at
	lineMost   = 160      // characters of it
)

// lastLine is the last line with something on it, without what only a terminal
// understands: a word on what goes on there.
func (s *scrollback) lastLine() string {
	var state sequence
	var line, last []byte
	end := func() {
		if text := bytes.TrimSpace(line); len(text) > 0 {
			last = append(last[:0], text...)
		}
		line = line[:0]
	}
	from := 0
	if len(s.b) > lineBefore {
		from = safeCut(s.b, len(s.b)-lineBefore)
	}
	for _, c := range s.b[from:] {
		was := state
		state = state.next(c)
		switch {
		case was != ground || state != ground:
		case c == '\n', c == '\r': // what follows a return is written over it
			end()
		case c == '\b' && len(line) > 0:
			line = line[:len(line)-1]
		case c >= ' ' && c != 0x7f:
			line = append(line, c)
		}
	}
	end()
	text := []rune(strings.ToValidUTF8(string(last), ""))
	return string(text[:min(len(text), lineMost)])
}

// cut shortens the buffer to kept bytes at most.
func (s *scrollback) cut() {
	if len(s.b) <= kept {
		return
	}
	from := safeCut(s.b, len(s.b)-kept)
	s.b = append(make([]byte, 0, kept+kept/2), s.b[from:]...)
}

// safeCut is the first place at or after from where b can be begun. b itself
// begins at such a place.
func safeCut(b []byte, from int) int {
	var state sequence
	i := 0
	for i < from {
		state = state.next(b[i])
		i++
	}
	for i < len(b) && (state != ground || !utf8.RuneStart(b[i])) {
		state = state.next(b[i])
		i++
	}
	near := b[i:min(i+lineWithin, len(b))]
	for j, c := range near {
		state = state.next(c)
		if state == ground && c == '\n' {
			return i + j + 1
		}
	}
	return i
}

// sequence says where in an escape sequence (ECMA-48) a terminal's output is.
type sequence byte

const (
	ground       sequence = iota
	escape                // after ESC
	intermediate          // ESC and bytes that announce a final one
	control               // ESC [ …, up to a final byte
	text                  // ESC ] and its like, up to BEL or ESC \
	textEscape            // ESC inside text
)

const (
	bel = 0x07
	can = 0x18
	sub = 0x1a
	esc = 0x1b
)

func (s sequence) next(c byte) sequence {
	switch {
	case c == can, c == sub:
		return ground
	case c == esc && s == text:
		return textEscape
	case c == esc:
		return escape
	}
	switch s {
	case escape:
		return afterEscape(c)
	case textEscape:
		if c == '\\' {
			return ground
		}
		return afterEscape(c)
	case intermediate:
		if c >= 0x30 {
			return ground
		}
	case control:
		if c >= 0x40 && c <= 0x7e {
			return ground
		}
	case text:
		if c == bel {
			return ground
		}
	case ground:
	}
	return s
}

func afterEscape(c byte) sequence {
	switch {
	case c == '[':
		return control
	case c == ']', c == 'P', c == 'X', c == '^', c == '_':
		return text
	case c >= 0x20 && c <= 0x2f:
		return intermediate
	}
	return ground
}

// leaveAltScreen begins what a full-screen program prints when it ends.
var leaveAltScreen = []byte("\x1b[?1049l")

// lastFrame is the output without a program's farewell, so that what it showed
// last is seen.
func lastFrame(output string) string {
	b := []byte(output)
	if i := bytes.LastIndex(b, leaveAltScreen); i >= 0 && !bytes.Contains(b[i:], []byte("\x1b[?1049h")) {
		return string(b[:i])
	}
	return output
}
