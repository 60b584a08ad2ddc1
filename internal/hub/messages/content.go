package messages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"hapi/internal/wire"
)

// Strings of agent content that are longer than this many UTF-16 units are cut
// to their head and tail (messages contract §9.1). The result is shorter than
// the limit, so cutting twice changes nothing.
const (
	longestString = 64 << 10
	keptHead      = 48 << 10
	keptTail      = 12 << 10
)

// normalise makes content storable: one line of valid UTF-8 JSON. A JSON
// string that holds JSON is unwrapped, as some peers send it.
func normalise(raw json.RawMessage) (json.RawMessage, error) {
	if !utf8.Valid(raw) {
		raw = bytes.ToValidUTF8(raw, []byte("\uFFFD"))
	}
	if len(raw) > 0 && raw[0] == '"' {
		var inner string
		if err := json.Unmarshal(raw, &inner); err != nil {
			return nil, fmt.Errorf("read message: %w", err)
		}
		if json.Valid([]byte(inner)) {
			raw = json.RawMessage(inner)
		}
	}
	if bytes.ContainsAny(raw, "\n\r") {
		var line bytes.Buffer
		if err := json.Compact(&line, raw); err != nil {
			return nil, fmt.Errorf("read message: %w", err)
		}
		raw = line.Bytes()
	}
	return raw, nil
}

// facts are the few things about content that rules look at.
type facts struct {
	agent     bool
	assistant bool // an older name for agents
	user      bool
	kind      string // content.type
	streamID  string // of a thought or a text that grows, else empty
	redundant bool   // a goal status that the chat shows elsewhere
}

func look(content json.RawMessage) facts {
	role := gjson.GetBytes(content, "role").Str
	f := facts{agent: role == "agent", assistant: role == "assistant", user: role == "user"}
	if !f.agent {
		return f
	}
	f.kind = gjson.GetBytes(content, "content.type").Str
	switch f.kind {
	case "codex":
		switch gjson.GetBytes(content, "content.data.type").Str {
		case "reasoning", "message":
			f.streamID = strings.TrimSpace(gjson.GetBytes(content, "content.data.id").Str)
		}
	case "event":
		f.redundant = isGoalStatus(content)
	}
	return f
}

var goalStatus = regexp.MustCompile(`^Goal (cleared|(active|paused|complete|blocked|limited by budget|limited by usage)( · .*)?)$`)

// isGoalStatus recognises the rows that peers hide (messages contract §8.2).
func isGoalStatus(content json.RawMessage) bool {
	data := gjson.GetBytes(content, "content.data")
	return data.Get("type").Str == "message" && goalStatus.MatchString(strings.TrimSpace(data.Get("message").Str))
}

// hidden says whether a stored row is never shown.
func hidden(content json.RawMessage) bool {
	return bytes.Contains(content, []byte(`Goal `)) && look(content).redundant
}

// asQueued is a prompt's content as it is delivered later than when it was sent.
// Only the copy that is sent says so; the stored row keeps what was asked for.
func asQueued(content json.RawMessage) json.RawMessage {
	mode := gjson.GetBytes(content, "meta.deliveryMode")
	if mode.Str != deliverSteer || mode.Index == 0 {
		return content
	}
	var b []byte
	b = append(b, content[:mode.Index]...)
	b = wire.AppendString(b, deliverQueue)
	return append(b, content[mode.Index+len(mode.Raw):]...)
}

// isLiveSnapshot says whether content is an earlier state of the stream.
func isLiveSnapshot(streamID string) func(json.RawMessage) bool {
	return func(content json.RawMessage) bool {
		return gjson.GetBytes(content, "content.data.live").Type == gjson.True && look(content).streamID == streamID
	}
}

// hasText says whether user content carries words a person typed.
func hasText(content json.RawMessage) bool {
	c := gjson.GetBytes(content, "content")
	switch {
	case c.Type == gjson.String:
		return strings.TrimSpace(c.Str) != ""
	case c.IsArray():
		for _, block := range c.Array() {
			if block.Get("type").Str == "text" && strings.TrimSpace(block.Get("text").Str) != "" {
				return true
			}
		}
		return false
	}
	return strings.TrimSpace(c.Get("text").Str) != ""
}

// cut shortens over-long strings in agent content.
func cut(content json.RawMessage) (json.RawMessage, error) {
	if len(content) <= longestString {
		return content, nil
	}
	d := json.NewDecoder(bytes.NewReader(content))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	v, changed := cutStrings(v)
	if !changed {
		return content, nil
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("shorten message: %w", err)
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

func cutStrings(v any) (any, bool) {
	changed := false
	switch x := v.(type) {
	case string:
		return cutString(x)
	case []any:
		for i := range x {
			var c bool
			x[i], c = cutStrings(x[i])
			changed = changed || c
		}
	case map[string]any:
		for key := range x {
			var c bool
			x[key], c = cutStrings(x[key])
			changed = changed || c
		}
	}
	return v, changed
}

func cutString(s string) (string, bool) {
	if len(s) <= longestString { // no more UTF-16 units than bytes
		return s, false
	}
	units := utf16.Encode([]rune(s))
	if len(units) <= longestString {
		return s, false
	}
	removed := len(units) - keptHead - keptTail
	return string(utf16.Decode(units[:keptHead])) + fmt.Sprintf("\n…[hapi: truncated %d chars]…\n", removed) +
		string(utf16.Decode(units[len(units)-keptTail:])), true
}
