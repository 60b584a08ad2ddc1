package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// kind is the type of a Socket.IO packet.
type kind byte

const (
	kindConnect      kind = '0'
	kindDisconnect   kind = '1'
	kindEvent        kind = '2'
	kindAck          kind = '3'
	kindConnectError kind = '4'
)

// packet is one Socket.IO packet: `<kind>[<namespace>,][<id>][<JSON>]`.
type packet struct {
	kind      kind
	namespace string
	id        int64 // of the acknowledgement; noID when none is asked for
	data      json.RawMessage
}

const noID int64 = -1

// maxDepth bounds the nesting of JSON, as the decoders behind do.
const maxDepth = 10000

var errPacket = errors.New("undecodable packet")

// parsePacket reads a packet. Its data is valid JSON in valid UTF-8 and refers
// to b.
func parsePacket(b []byte) (packet, error) {
	if len(b) == 0 || b[0] < byte(kindConnect) || b[0] > byte(kindConnectError) {
		return packet{}, errPacket
	}
	p := packet{kind: kind(b[0]), namespace: "/", id: noID}
	rest := b[1:]
	if len(rest) > 0 && rest[0] == '/' {
		name, after, _ := bytes.Cut(rest, []byte{','})
		name, _, _ = bytes.Cut(name, []byte{'?'})
		p.namespace, rest = string(name), after
	}
	digits := 0
	for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
		digits++
	}
	if digits > 0 {
		id, err := strconv.ParseInt(string(rest[:digits]), 10, 64)
		if err != nil {
			return packet{}, errPacket
		}
		p.id, rest = id, rest[digits:]
	}
	p.data = rest
	return p, p.validate()
}

func (p *packet) validate() error {
	if len(p.data) == 0 {
		if p.kind == kindConnect || p.kind == kindDisconnect {
			return nil
		}
		return errPacket
	}
	if !shallow(p.data) || !utf8.Valid(p.data) || !gjson.ValidBytes(p.data) {
		return errPacket
	}
	first := bytes.TrimLeft(p.data, " \t\r\n")[0]
	fits := false
	switch p.kind {
	case kindConnect:
		fits = first == '{'
	case kindConnectError:
		fits = first == '{' || first == '"'
	case kindEvent, kindAck:
		fits = first == '['
	case kindDisconnect: // has no data
	}
	if !fits {
		return errPacket
	}
	return nil
}

// shallow says whether the nesting of b, which need not be JSON, is bounded.
func shallow(b []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted:
			if c == '\\' {
				i++
			} else if c == '"' {
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '[' || c == '{':
			if depth++; depth > maxDepth {
				return false
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return true
}

// args are the elements of the packet's array.
func (p *packet) args() []json.RawMessage {
	args := make([]json.RawMessage, 0, 2)
	gjson.ParseBytes(p.data).ForEach(func(_, v gjson.Result) bool {
		at := v.Index
		args = append(args, p.data[at:at+len(v.Raw):at+len(v.Raw)])
		return true
	})
	return args
}

// reserved are the events a peer cannot send.
var reserved = map[string]bool{
	"connect": true, "connect_error": true, "disconnect": true, "disconnecting": true,
	"newListener": true, "removeListener": true,
}

// event is the name and the arguments of an event packet.
func (p *packet) event() (string, []json.RawMessage, error) {
	args := p.args()
	if len(args) == 0 {
		return "", nil, errPacket
	}
	switch first := args[0]; {
	case first[0] == '"':
		var name string
		if err := json.Unmarshal(first, &name); err != nil || reserved[name] {
			return "", nil, errPacket
		}
		return name, args[1:], nil
	case first[0] == '-' || first[0] >= '0' && first[0] <= '9':
		return string(first), args[1:], nil
	default:
		return "", nil, errPacket
	}
}

// appendHead begins the Engine.IO message that carries a packet.
func appendHead(b []byte, k kind, namespace string, id int64) []byte {
	b = append(b, engineMessage, byte(k))
	if namespace != "/" {
		b = append(b, namespace...)
		b = append(b, ',')
	}
	if id != noID {
		b = strconv.AppendInt(b, id, 10)
	}
	return b
}

// encodePacket is a packet whose data is one JSON value, or none when v is nil.
func encodePacket(k kind, namespace string, v any) ([]byte, error) {
	b := appendHead(nil, k, namespace, noID)
	if v == nil {
		return b, nil
	}
	return appendJSON(b, v)
}

// encodeEvent is an event, with an id when its acknowledgement is wanted.
func encodeEvent(namespace string, id int64, event string, args []any) ([]byte, error) {
	b := appendHead(make([]byte, 0, 128), kindEvent, namespace, id)
	b = append(b, '[')
	b, err := appendJSON(b, event)
	if err != nil {
		return nil, err
	}
	for _, arg := range args {
		b = append(b, ',')
		if b, err = appendJSON(b, arg); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

// encodeAck answers the event id.
func encodeAck(namespace string, id int64, args []any) ([]byte, error) {
	b := appendHead(make([]byte, 0, 64), kindAck, namespace, id)
	b = append(b, '[')
	var err error
	for i, arg := range args {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendJSON(b, arg); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

// jsonAppender is a value that knows its JSON without reflection.
type jsonAppender interface{ AppendJSON(b []byte) []byte }

func appendJSON(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case json.RawMessage:
		if len(v) == 0 {
			return append(b, "null"...), nil
		}
		return append(b, v...), nil
	case jsonAppender:
		return v.AppendJSON(b), nil
	}
	buf := bytes.NewBuffer(b)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte{'\n'}), nil
}
