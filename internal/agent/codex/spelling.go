package codex

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// inner are the members that hold more of the protocol's own words. All others are
// handed on as they came.
var inner = map[string]bool{"item": true, "turn": true, "thread": true, "tokenUsage": true, "error": true, "status": true, "goal": true, "request": true}

// camelCase spells the protocol's words in one way: some versions of Codex write
// thread_id for threadId.
func camelCase(params json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	if !bytes.ContainsRune(params, '_') || json.Unmarshal(params, &members) != nil {
		return params
	}
	changed := false
	for name, value := range members {
		word := camel(name)
		if inner[word] {
			if spelled := camelCase(value); !bytes.Equal(spelled, value) {
				members[name], changed = spelled, true
			}
		}
		if _, both := members[word]; word != name && !both {
			members[word], changed = members[name], true
			delete(members, name)
		}
	}
	if !changed {
		return params
	}
	return mustMarshal(members)
}

// camel is a word without its underscores. What begins with one is no word of the
// protocol.
func camel(word string) string {
	parts := strings.Split(word, "_")
	if parts[0] == "" {
		return word
	}
	for i, part := range parts[1:] {
		first, size := utf8.DecodeRuneInString(part)
		if size == 0 {
			return word
		}
		parts[i+1] = string(unicode.ToUpper(first)) + part[size:]
	}
	return strings.Join(parts, "")
}
