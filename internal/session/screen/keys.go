package screen

import (
	"bytes"
	"io"
	"os"
	"time"
)

// keys is the person's keyboard. It is read a byte at a time, and after two
// spaces not before it is known what they meant: what is typed after those that
// take the session back is the agent's, which finds it in its terminal.
type keys struct {
	*os.File
	left   <-chan struct{} // closed once the screen is left
	recent []byte          // the end of what was read
	pasted bool
}

// decideWithin is how long two spaces may be on their way to the screen, which
// does not tell when they mean nothing to it.
const decideWithin = time.Second

const (
	pasteStart    = "\x1b[200~"
	pasteEnd      = "\x1b[201~"
	extendedSpace = "\x1b[32u" // as terminals with extended keys say it
)

// Read implements io.Reader.
func (k *keys) Read(p []byte) (int, error) {
	if !k.pasted && twoSpaces(k.recent) {
		select {
		case <-k.left:
			return 0, io.EOF
		case <-time.After(decideWithin):
		}
	}
	n, err := k.File.Read(p[:min(len(p), 1)])
	k.recent = append(k.recent, p[:n]...)
	k.recent = k.recent[max(0, len(k.recent)-2*len(extendedSpace)):]
	switch {
	case bytes.HasSuffix(k.recent, []byte(pasteStart)):
		k.pasted = true
	case bytes.HasSuffix(k.recent, []byte(pasteEnd)):
		k.pasted = false
	}
	return n, err //nolint:wrapcheck // the reader asks which error it is
}

// twoSpaces says whether that is how what was read ends.
func twoSpaces(read []byte) bool {
	for range 2 {
		rest, ok := bytes.CutSuffix(read, []byte(" "))
		if !ok {
			rest, ok = bytes.CutSuffix(read, []byte(extendedSpace))
		}
		if !ok {
			return false
		}
		read = rest
	}
	return true
}
