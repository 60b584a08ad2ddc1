package terminals

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCutsAreSafe(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		in   string
		from int
		want string
	}{
		"a line":               {"abc\ndef\nghi", 2, "def\nghi"},
		"no line":              {"abcdef", 2, "cdef"},
		"inside a rune":        {"aüb", 2, "b"},
		"a color":              {"a\x1b[1;31mred", 4, "red"},
		"a title":              {"a\x1b]0;my\ntitle\x07b", 6, "b"},
		"a title ended by ST":  {"a\x1b]0;t\x1b\\b", 4, "b"},
		"a charset":            {"a\x1b(Bb", 3, "b"},
		"a cancelled sequence": {"a\x1b[12\x18b", 3, "b"},
		"an ESC in an ESC":     {"a\x1b\x1b[31mb", 3, "b"},
		"a line in a title":    {"x\x1b]0;a\nb\x07c\nd", 1, "d"},
		"an unending sequence": {"a\x1b[111111", 3, ""},
		"nothing to cut":       {"abc", 0, "abc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tt.in[safeCut([]byte(tt.in), tt.from):]; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTheLastLineStandsForATerminal(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ in, want string }{
		"nothing":              {"", ""},
		"a prompt":             {"$ ls\r\na b\r\n\x1b[32mada@studio\x1b[0m:~$ ", "ada@studio:~$"},
		"one line":             {"$ make", "$ make"},
		"empty lines after it": {"ok  hapi\r\n\r\n \r\n", "ok  hapi"},
		"written over":         {"10 %\r99 %", "99 %"},
		"typed and taken back": {"$ lss\b\x1b[K", "$ ls"},
		"a title":              {"\x1b]0;a title\x07vim", "vim"},
		"not whole":            {"\xc3(ok", "(ok"},
		"long":                 {strings.Repeat("é", 200), strings.Repeat("é", lineMost)},
		"much before it":       {strings.Repeat("x\n", lineBefore) + "end", "end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := (&scrollback{[]byte(tt.in)}).lastLine(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestScrollbackIsBounded(t *testing.T) {
	t.Parallel()
	var s scrollback
	line := "\x1b[32m" + strings.Repeat("ü", 40) + "\x1b[0m\n"
	for range 100_000 {
		s.add(line)
		if len(s.b) > 2*kept {
			t.Fatalf("%d bytes are kept", len(s.b))
		}
	}
	if got := s.text(); len(got) > kept || len(got) < kept-lineWithin-len(line) || !strings.HasPrefix(got, "\x1b[32mü") || !strings.HasSuffix(got, line) {
		t.Errorf("%d bytes are shown again, from %q", len(got), got[:20])
	}
}

func FuzzCut(f *testing.F) {
	f.Add("a\x1b]0;t\x1b\\ü\n", 3)
	f.Add("\x1b[1\x1b(B\x90", 2)
	f.Fuzz(func(t *testing.T, in string, from int) {
		if !utf8.ValidString(in) || from < 0 || from > len(in) {
			return
		}
		at := safeCut([]byte(in), from)
		if at < from || at > len(in) || !utf8.ValidString(in[at:]) {
			t.Fatalf("cut at %d", at)
		}
		var state sequence
		for i := range at {
			state = state.next(in[i])
		}
		if at < len(in) && state != ground {
			t.Fatalf("cut at %d, inside a sequence", at)
		}
	})
}
