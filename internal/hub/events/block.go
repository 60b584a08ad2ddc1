package events

import (
	"bytes"
	"encoding/binary"
	"sync"

	"github.com/klauspost/compress/flate"

	"hapi/internal/wire"
)

// Block is one event as it goes to event streams, shared by all its readers,
// who must not change it.
type Block struct {
	session wire.SessionID
	machine wire.MachineID
	frame   []byte

	deflating sync.Once
	deflated  []byte
}

func newBlock(e wire.Event, scheme cursorScheme, change, n int64) *Block {
	frame := make([]byte, 0, len(e.JSON)+80)
	frame = append(frame, "data: "...)
	frame = append(frame, e.JSON...)
	frame = append(frame, "\nid: "...)
	frame = scheme.appendID(frame, change, n)
	frame = append(frame, "\n\n"...)
	return &Block{session: e.SessionID, machine: e.MachineID, frame: frame}
}

// Frame is the event as server-sent text: data, id and a blank line.
func (b *Block) Frame() []byte { return b.frame }

// Deflated is the frame compressed, once for all its readers.
func (b *Block) Deflated() []byte {
	b.deflating.Do(func() { b.deflated = Deflate(b.frame) })
	return b.deflated
}

// storedBelow is the size below which a frame is stored as it is: compression
// would gain little, and takes 16 KiB of stack from whoever does it.
const storedBelow = 256

// Deflate compresses one frame by itself: raw deflate blocks that refer to
// nothing before them and end on a byte boundary. Behind one gzip header, such
// results make a stream in any order and number.
func Deflate(frame []byte) []byte {
	if n := uint16(len(frame)); len(frame) < storedBelow { //nolint:gosec // it is less
		b := make([]byte, 1, 10+len(frame)) // not the last block, of stored bytes
		b = binary.LittleEndian.AppendUint16(b, n)
		b = binary.LittleEndian.AppendUint16(b, ^n)
		b = append(b, frame...)
		return append(b, 0, 0, 0, 0xff, 0xff) // an empty one, at which readers hand over what they have
	}
	var out bytes.Buffer
	out.Grow(len(frame)/2 + 32)
	// A bytes.Buffer takes everything, and the compressor has no errors of its own.
	_ = flate.StatelessDeflate(&out, frame, false, nil)
	return out.Bytes()
}
