package child

import (
	"encoding/binary"
	"testing"
)

func TestTheEnvironmentIsFoundBehindTheArguments(t *testing.T) {
	t.Parallel()
	said := func(n uint32, text string) []byte { return append(binary.NativeEndian.AppendUint32(nil, n), text...) }
	for _, c := range []struct {
		raw  []byte
		want string
	}{
		{said(2, "/bin/sh\x00\x00\x00\x00sh\x00-c\x00A=1\x00B=2\x00\x00"), "A=1\x00B=2\x00\x00"},
		{said(3, "/bin/sh\x00sh\x00A=0\x00\x00A=1\x00"), "A=1\x00"}, // an argument that is empty, one that looks like a variable
		{said(1, "/bin/sh\x00sh"), ""},
		{said(1<<31, "/bin/sh\x00sh\x00A=1\x00"), ""},
		{said(0, ""), ""},
		{nil, ""},
	} {
		if got := string(environIn(c.raw)); got != c.want {
			t.Errorf("%q gives %q, want %q", c.raw, got, c.want)
		}
	}
}
