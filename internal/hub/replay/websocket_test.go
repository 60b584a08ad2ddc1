package replay_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"net"
)

// The operations of a WebSocket frame.
const (
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10
)

// frame is a whole WebSocket message.
type frame struct {
	op   byte
	data []byte
}

// writeFrame sends a frame as a client does. The mask is zero.
func writeFrame(conn net.Conn, op byte, data []byte) error {
	head := []byte{0x80 | op, 0x80}
	switch n := len(data); {
	case n < 126:
		head[1] |= byte(n)
	case n <= 0xffff:
		head[1] |= 126
		head = binary.BigEndian.AppendUint16(head, uint16(n))
	default:
		head[1] |= 127
		head = binary.BigEndian.AppendUint64(head, uint64(n))
	}
	head = append(head, 0, 0, 0, 0)
	_, err := conn.Write(append(head, data...))
	return err
}

// readFrame reads a whole message, inflated if it was compressed.
func readFrame(r *bufio.Reader) (frame, error) {
	var f frame
	var compressed bool
	for {
		head := make([]byte, 2)
		if _, err := io.ReadFull(r, head); err != nil {
			return f, err
		}
		size := uint64(head[1] & 0x7f)
		if size >= 126 {
			long := make([]byte, 8)
			if size == 126 {
				long = long[:2]
			}
			if _, err := io.ReadFull(r, long); err != nil {
				return f, err
			}
			size = binary.BigEndian.Uint64(append(make([]byte, 8-len(long)), long...))
		}
		piece := make([]byte, size)
		if _, err := io.ReadFull(r, piece); err != nil {
			return f, err
		}
		if op := head[0] & 0x0f; op != 0 {
			f.op, compressed = op, head[0]&0x40 != 0
		}
		f.data = append(f.data, piece...)
		if head[0]&0x80 != 0 {
			break
		}
	}
	if !compressed {
		return f, nil
	}
	// Each message is compressed for itself; its end is cut off.
	plain, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(f.data), bytes.NewReader([]byte{0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff}))))
	if err != nil {
		return f, fmt.Errorf("inflate a frame: %w", err)
	}
	f.data = plain
	return f, nil
}
