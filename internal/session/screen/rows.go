package screen

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// How much of a tool's input and result is shown, in characters.
const (
	inputLength  = 500
	resultLength = 200
)

// envelope is a row of the conversation, as far as it is shown.
type envelope struct {
	Role    string `json:"role"`
	Content struct {
		Type string `json:"type"`
		Text string `json:"text"`
		Data struct {
			Type    string          `json:"type"`
			Message json.RawMessage `json:"message"` // Claude's, or a text
			Name    string          `json:"name"`
			Input   json.RawMessage `json:"input"`
			Output  json.RawMessage `json:"output"`
		} `json:"data"`
	} `json:"content"`
}

// rowLines is a row in words, without anything that a terminal would obey.
func rowLines(content json.RawMessage) []string {
	var e envelope
	if json.Unmarshal(content, &e) != nil {
		return nil
	}
	data := &e.Content.Data
	switch {
	case e.Role == "user":
		return said("› ", e.Content.Text)
	case e.Content.Type == "output":
		return claudeLines(data.Type, data.Message)
	case e.Content.Type == "event" && data.Type == "message":
		return said("! ", text(data.Message))
	case e.Content.Type != "codex":
		return nil
	}
	switch data.Type {
	case "message":
		return said("● ", text(data.Message))
	case "tool-call":
		return []string{call(data.Name, data.Input)}
	case "tool-call-result":
		return result(string(data.Output))
	default:
		return nil
	}
}

func claudeLines(kind string, raw json.RawMessage) []string {
	var m struct {
		Content json.RawMessage `json:"content"`
	}
	if json.Unmarshal(raw, &m) != nil {
		return nil
	}
	var blocks []struct {
		Type    string          `json:"type"`
		Text    string          `json:"text"`
		Name    string          `json:"name"`
		Input   json.RawMessage `json:"input"`
		Content json.RawMessage `json:"content"`
	}
	if json.Unmarshal(m.Content, &blocks) != nil {
		return said("● ", text(m.Content))
	}
	var lines []string
	for _, b := range blocks {
		switch {
		case b.Type == "text" && kind == "assistant":
			lines = append(lines, said("● ", b.Text)...)
		case b.Type == "tool_use":
			lines = append(lines, call(b.Name, b.Input))
		case b.Type == "tool_result":
			lines = append(lines, result(text(b.Content))...)
		}
	}
	return lines
}

// text is a JSON string, or other JSON as it is.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

func said(mark, words string) []string {
	if strings.TrimSpace(words) == "" {
		return nil
	}
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSpace(words), "\n") {
		lines = append(lines, mark+clean(line))
		mark = "  "
	}
	return lines
}

func call(name string, input json.RawMessage) string {
	return fmt.Sprintf("⚙ %s %s", clean(name), oneLine(string(input), inputLength))
}

func result(words string) []string {
	if words = oneLine(words, resultLength); words == "" {
		return nil
	}
	return []string{"  ⎿ " + words}
}

// oneLine is a text of at most n characters without line breaks.
func oneLine(words string, n int) string {
	runes := []rune(strings.Join(strings.Fields(clean(words)), " "))
	if len(runes) > n {
		runes = append(runes[:n-1:n-1], '…')
	}
	return string(runes)
}

// clean takes out what a terminal would obey.
func clean(words string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return ' '
		case unicode.IsControl(r):
			return -1
		default:
			return r
		}
	}, ansi.Strip(words))
}
