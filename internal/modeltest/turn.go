package modeltest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"unicode/utf8"
)

// Turn is one answer of the model.
type Turn struct {
	Blocks []Block
	// Status other than 0 or 200 answers an error instead.
	Status             int
	ErrorType, Message string
	// InputTokens and OutputTokens are the usage; zero stands for some.
	InputTokens, OutputTokens int

	ids []string // one for each block
}

// Block is a part of an answer.
type Block struct {
	Kind  string // text, thinking, tool_use
	Text  string
	Tool  string
	Input any
	// Gate, if there is one, lets one piece of the text through for each value.
	// Closing it lets the rest through.
	Gate <-chan struct{}
}

// Text is a turn of one text.
func Text(text string) Turn { return Turn{Blocks: []Block{{Kind: "text", Text: text}}} }

// ToolUse is a turn that calls a tool. A tool of a namespace of the Responses API
// is written "namespace/tool".
func ToolUse(tool string, input any) Turn {
	return Turn{Blocks: []Block{{Kind: "tool_use", Tool: tool, Input: input}}}
}

// Thinking puts a thought before a turn.
func (t Turn) Thinking(text string) Turn {
	t.Blocks = append([]Block{{Kind: "thinking", Text: text}}, t.Blocks...)
	return t
}

// Then adds the blocks of another turn.
func (t Turn) Then(other Turn) Turn {
	t.Blocks = append(append([]Block(nil), t.Blocks...), other.Blocks...)
	return t
}

// Slow is a text that comes piece by piece, as the gate lets it.
func Slow(text string, gate <-chan struct{}) Turn {
	return Turn{Blocks: []Block{{Kind: "text", Text: text, Gate: gate}}}
}

// Fail is an error of the API.
func Fail(status int, kind, message string) Turn {
	return Turn{Status: status, ErrorType: kind, Message: message}
}

func (t *Turn) answer(ctx context.Context, w http.ResponseWriter, req *Request) {
	switch {
	case t.Status != 0 && t.Status != http.StatusOK:
		writeJSON(w, t.Status, apiError(t.ErrorType, t.Message))
	case req.Stream:
		(&stream{turn: t, req: req, w: w, flusher: w.(http.Flusher)}).run(ctx) //nolint:forcetypeassert // net/http's writers flush
	default:
		writeJSON(w, http.StatusOK, t.whole(ctx, req))
	}
}

func (t *Turn) id() string { return "msg_test_" + t.ids[0] }

func (t *Turn) stopReason() string {
	for _, b := range t.Blocks {
		if b.Kind == "tool_use" {
			return "tool_use"
		}
	}
	return "end_turn"
}

func (t *Turn) usage() map[string]any {
	in, out := t.InputTokens, t.OutputTokens
	if in == 0 {
		in = 12
	}
	if out == 0 {
		out = 7
	}
	return map[string]any{"input_tokens": in, "output_tokens": out, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
}

func (t *Turn) whole(ctx context.Context, req *Request) any {
	blocks := make([]any, len(t.Blocks))
	for i, b := range t.Blocks {
		for range b.Gate { // a message that is not streamed comes when all of it is there
			if ctx.Err() != nil {
				return nil
			}
		}
		block := t.start(i)
		switch b.Kind {
		case "text":
			block["text"] = b.Text
		case "thinking":
			block["thinking"], block["signature"] = b.Text, "signed"
		case "tool_use":
			block["input"] = b.Input
		}
		blocks[i] = block
	}
	return map[string]any{
		"id": t.id(), "type": "message", "role": "assistant", "model": req.Model, "content": blocks,
		"stop_reason": t.stopReason(), "stop_sequence": nil, "usage": t.usage(),
	}
}

// start is a block before its content.
func (t *Turn) start(i int) map[string]any {
	switch b := t.Blocks[i]; b.Kind {
	case "tool_use":
		return map[string]any{"type": "tool_use", "id": "toolu_test_" + t.ids[i], "name": b.Tool, "input": map[string]any{}}
	case "thinking":
		return map[string]any{"type": "thinking", "thinking": "", "signature": ""}
	default:
		return map[string]any{"type": "text", "text": ""}
	}
}

// stream writes a turn as server-sent events.
type stream struct {
	turn    *Turn
	req     *Request
	w       http.ResponseWriter
	flusher http.Flusher
}

func (s *stream) send(event string, data map[string]any) {
	data["type"] = event
	raw, err := json.Marshal(data)
	if err != nil {
		panic(err) // the test's own input does not marshal
	}
	_, _ = fmt.Fprintf(s.w, "event: %s\ndata: %s\n\n", event, raw)
	s.flusher.Flush()
}

func (s *stream) run(ctx context.Context) {
	s.w.Header().Set("Content-Type", "text/event-stream")
	usage := s.turn.usage()
	s.send("message_start", map[string]any{"message": map[string]any{
		"id": s.turn.id(), "type": "message", "role": "assistant", "model": s.req.Model, "content": []any{},
		"stop_reason": nil, "stop_sequence": nil, "usage": usage,
	}})
	s.send("ping", map[string]any{})
	for i := range s.turn.Blocks {
		s.send("content_block_start", map[string]any{"index": i, "content_block": s.turn.start(i)})
		if !s.block(ctx, i) {
			return
		}
		s.send("content_block_stop", map[string]any{"index": i})
	}
	s.send("message_delta", map[string]any{
		"delta": map[string]any{"stop_reason": s.turn.stopReason(), "stop_sequence": nil}, "usage": usage,
	})
	s.send("message_stop", map[string]any{})
}

func (s *stream) delta(i int, delta map[string]any) {
	s.send("content_block_delta", map[string]any{"index": i, "delta": delta})
}

// block sends a block's content; it says whether the agent still listens.
func (s *stream) block(ctx context.Context, i int) bool {
	switch b := s.turn.Blocks[i]; b.Kind {
	case "tool_use":
		raw, err := json.Marshal(b.Input)
		if err != nil {
			panic(err) // the test's own input does not marshal
		}
		s.delta(i, map[string]any{"type": "input_json_delta", "partial_json": string(raw)})
	case "thinking":
		s.delta(i, map[string]any{"type": "thinking_delta", "thinking": b.Text})
		s.delta(i, map[string]any{"type": "signature_delta", "signature": "signed"})
	default:
		for _, piece := range pieces(b.Text) {
			if b.Gate != nil {
				select {
				case <-b.Gate:
				case <-ctx.Done():
					return false
				}
			}
			s.delta(i, map[string]any{"type": "text_delta", "text": piece})
		}
	}
	return true
}

// pieces cuts a text into parts of about ten bytes.
func pieces(text string) []string {
	var list []string
	for len(text) > 10 {
		cut := 10
		for !utf8.RuneStart(text[cut]) {
			cut++
			if cut == len(text) {
				break
			}
		}
		list, text = append(list, text[:cut]), text[cut:]
	}
	return append(list, text)
}
