package child

import (
	"bytes"
	"encoding/binary"
)

// environIn finds the environment in what macOS tells of a process by
// kern.procargs2: the number of arguments, the program's path, zeros, the
// arguments and the environment, each ended by a zero.
func environIn(raw []byte) []byte {
	if len(raw) < 4 {
		return nil
	}
	arguments := binary.NativeEndian.Uint32(raw)
	_, rest, found := bytes.Cut(raw[4:], []byte{0})
	rest = bytes.TrimLeft(rest, "\x00")
	for ; found && arguments > 0; arguments-- {
		_, rest, found = bytes.Cut(rest, []byte{0})
	}
	if !found {
		return nil
	}
	return rest
}
