package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"hapi/internal/wire"
)

// grownFor is how much of a body's announced length is believed at once: who
// announces much and sends nothing costs little.
const grownFor = 1 << 20

// readBody reads the whole body.
func readBody(r *http.Request) ([]byte, error) {
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(min(r.ContentLength, grownFor)) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(r.Body)
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return nil, errTooLong
	}
	if err != nil {
		return nil, wire.ErrInvalidBody // cut off: the caller left or broke the framing
	}
	return buf.Bytes(), nil
}

// object is a JSON object as it came, key by key. Keys compare exactly, the
// last of repeated ones counts, unknown ones are ignored. What is wrong with
// the fields that are read collects in issues.
type object struct {
	fields map[string]json.RawMessage
	issues *wire.Issues
}

// readObject reads the body as a JSON object, whatever its Content-Type says.
func readObject(r *http.Request) (*object, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	return parseObject(body)
}

// readOptionalObject takes an empty body as an empty object. Anything else
// that is not an object is refused: it is never taken as "no body".
func readOptionalObject(r *http.Request) (*object, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return &object{}, nil
	}
	return parseObject(body)
}

func parseObject(body []byte) (*object, error) {
	if !utf8.Valid(body) {
		return nil, wire.ErrInvalidBody.With((*wire.Issues)(nil).Form("Invalid UTF-8"))
	}
	var o object
	if err := json.Unmarshal(body, &o.fields); err != nil || o.fields == nil {
		return nil, wire.ErrInvalidBody.With((*wire.Issues)(nil).Form("Invalid input: expected object"))
	}
	return &o, nil
}

func (o *object) has(name string) bool { _, ok := o.fields[name]; return ok }

func (o *object) null(name string) bool { return string(o.fields[name]) == "null" }

// bare leaves the issues out: routes whose refusal is documented without them.
func bare(err error) error {
	if errors.Is(err, wire.ErrInvalidBody) {
		return wire.ErrInvalidBody
	}
	return err
}

// err is what was wrong with the fields read so far.
func (o *object) err() error {
	if o.issues == nil {
		return nil
	}
	return wire.ErrInvalidBody.With(o.issues)
}

func (o *object) issue(name, message string) { o.issues = o.issues.Field(name, message) }

func (o *object) expected(name, want string) {
	o.issue(name, "Invalid input: expected "+want+", received "+kindOf(o.fields[name]))
}

// text is the string name, or nil when it is absent.
func (o *object) text(name string) *string {
	raw, ok := o.fields[name]
	if !ok {
		return nil
	}
	return decodeAs[string](o, name, raw, "string")
}

// requiredText is the string name, which may not be absent.
func (o *object) requiredText(name string) string {
	s := o.text(name)
	if s == nil {
		if !o.has(name) {
			o.expected(name, "string")
		}
		return ""
	}
	return *s
}

// texts is the list of strings name, or nil when it is absent.
func (o *object) texts(name string) []string {
	raw, ok := o.fields[name]
	if !ok {
		return nil
	}
	list := decodeAs[[]*string](o, name, raw, "array")
	if list == nil {
		return nil
	}
	texts := make([]string, 0, len(*list))
	for _, entry := range *list {
		if entry == nil {
			o.issue(name, "Invalid input: expected string, received null")
			return nil
		}
		texts = append(texts, *entry)
	}
	return texts
}

// largestInt is the largest integer that every peer can hold.
const largestInt = 1<<53 - 1

// integer is the whole number name, or nil when it is absent. 1e3 and 1.0 are
// whole numbers.
func (o *object) integer(name string) *int64 {
	raw, ok := o.fields[name]
	if !ok {
		return nil
	}
	f := decodeAs[float64](o, name, raw, "number")
	if f == nil {
		return nil
	}
	if *f != math.Trunc(*f) || math.Abs(*f) > largestInt {
		o.issue(name, "Invalid input: expected int, received number")
		return nil
	}
	n := int64(*f)
	return &n
}

// decodeAs decodes raw, which is valid JSON; a value of another kind is an issue.
func decodeAs[T any](o *object, name string, raw json.RawMessage, want string) *T {
	var v T
	if string(raw) == "null" || json.Unmarshal(raw, &v) != nil {
		o.expected(name, want)
		return nil
	}
	return &v
}

// kindOf names the kind of a JSON value for a person.
func kindOf(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "undefined"
	}
	switch raw[0] {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	default:
		return "number"
	}
}

// flag is the boolean name, or nil when it is absent.
func (o *object) flag(name string) *bool {
	raw, ok := o.fields[name]
	if !ok {
		return nil
	}
	return decodeAs[bool](o, name, raw, "boolean")
}

// isSet is the boolean name, or false when it is absent.
func (o *object) isSet(name string) bool {
	v := o.flag(name)
	return v != nil && *v
}

// oneOf is the string name, which must be one of the options; "" when it is absent.
func (o *object) oneOf(name string, options ...string) string {
	s := o.text(name)
	if s == nil {
		return ""
	}
	if !slices.Contains(options, *s) {
		o.issue(name, "Invalid option: expected one of "+strings.Join(options, "|"))
		return ""
	}
	return *s
}
