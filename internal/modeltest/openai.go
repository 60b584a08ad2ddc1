package modeltest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// responses answers the OpenAI Responses API. A request is read as if it had
// been one of the Messages API, so that scripts and questions are the same.
func (s *Server) responses(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the agent left
	}
	req, err := readResponsesRequest(body)
	if err != nil {
		s.t.Errorf("the agent sent a request that cannot be read: %v", err)
		writeJSON(w, http.StatusBadRequest, apiError("invalid_request_error", "not JSON"))
		return
	}
	turn, ok := s.turnFor(req)
	switch {
	case !ok:
		s.t.Errorf("the model was asked more than the script has: %.300q", req.Last())
		writeJSON(w, http.StatusBadRequest, apiError("invalid_request_error", "the script is at its end"))
	case turn.Status != 0 && turn.Status != http.StatusOK:
		writeJSON(w, turn.Status, apiError(turn.ErrorType, turn.Message))
	default:
		w.Header().Set("Content-Type", "text/event-stream")
		stream := &responseStream{stream{turn: &turn, req: req, w: w, flusher: w.(http.Flusher)}} //nolint:forcetypeassert // net/http's writers flush
		stream.run(r.Context())
	}
}

// inputItem is one item of a request's input.
type inputItem struct {
	Type      string          `json:"type"`
	Role      string          `json:"role"`
	Content   json.RawMessage `json:"content"`
	Name      string          `json:"name"`
	Arguments string          `json:"arguments"`
	Output    json.RawMessage `json:"output"`
}

func readResponsesRequest(body []byte) (*Request, error) {
	var in struct {
		Request
		Input []inputItem `json:"input"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	req := in.Request
	for _, item := range in.Input {
		if m, ok := item.message(); ok {
			req.Messages = append(req.Messages, m)
		}
	}
	return &req, nil
}

// message is the item as a message: what the model said, or what it was told.
func (i *inputItem) message() (Message, bool) {
	text := func(role, s string) (Message, bool) {
		raw, err := json.Marshal(s)
		return Message{Role: role, Content: raw}, err == nil
	}
	switch i.Type {
	case "message", "":
		return text(i.Role, responseText(i.Content))
	case "function_call", "custom_tool_call", "local_shell_call":
		return text("assistant", "["+i.Name+" "+i.Arguments+"]")
	case "function_call_output", "custom_tool_call_output":
		return text("user", responseText(i.Output))
	case "reasoning":
		return text("assistant", "[reasoning]")
	case "compaction", "compaction_summary", "context_compaction":
		return text("user", "["+i.Type+"]")
	default:
		return Message{}, false
	}
}

// responseText is the text of a content or an output: bare, or in parts.
func responseText(raw json.RawMessage) string {
	var bare string
	if json.Unmarshal(raw, &bare) == nil {
		return bare
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return string(raw)
	}
	var texts []string
	for _, p := range parts {
		if p.Text == "" {
			p.Text = "[" + p.Type + "]"
		}
		texts = append(texts, p.Text)
	}
	return strings.Join(texts, "\n")
}

// responseStream writes a turn as the events of the Responses API.
type responseStream struct{ stream }

func (s *responseStream) run(ctx context.Context) {
	id := "resp_test"
	if len(s.turn.ids) > 0 {
		id += "_" + s.turn.ids[0]
	}
	s.send("response.created", map[string]any{"response": map[string]any{"id": id, "status": "in_progress"}})
	for i := range s.turn.Blocks {
		if !s.item(ctx, i) {
			return
		}
	}
	u := s.turn.usage()
	in, out := u["input_tokens"].(int), u["output_tokens"].(int) //nolint:forcetypeassert // made above
	s.send("response.completed", map[string]any{"response": map[string]any{
		"id": id, "status": "completed", "model": s.req.Model, "end_turn": s.turn.stopReason() == "end_turn",
		"usage": map[string]any{
			"input_tokens": in, "input_tokens_details": map[string]int{"cached_tokens": 0},
			"output_tokens": out, "output_tokens_details": map[string]int{"reasoning_tokens": 0}, "total_tokens": in + out,
		},
	}})
}

// item sends one output item; it says whether the agent still listens.
func (s *responseStream) item(ctx context.Context, i int) bool {
	b := s.turn.Blocks[i]
	switch b.Kind {
	case "tool_use":
		s.done(i, s.call(i))
	case "thinking":
		id := "rs_test_" + s.turn.ids[i]
		s.added(i, map[string]any{"type": "reasoning", "id": id, "summary": []any{}})
		s.send("response.reasoning_summary_part.added", map[string]any{"item_id": id, "output_index": i, "summary_index": 0, "part": map[string]string{"type": "summary_text", "text": ""}})
		s.send("response.reasoning_summary_text.delta", map[string]any{"item_id": id, "output_index": i, "summary_index": 0, "delta": b.Text})
		s.done(i, map[string]any{"type": "reasoning", "id": id, "summary": []any{map[string]string{"type": "summary_text", "text": b.Text}}, "encrypted_content": "sealed"})
	default:
		id := "msg_test_" + s.turn.ids[i]
		s.added(i, map[string]any{"type": "message", "id": id, "role": "assistant", "status": "in_progress", "content": []any{}})
		for _, piece := range pieces(b.Text) {
			if b.Gate != nil {
				select {
				case <-b.Gate:
				case <-ctx.Done():
					return false
				}
			}
			s.send("response.output_text.delta", map[string]any{"item_id": id, "output_index": i, "content_index": 0, "delta": piece})
		}
		s.done(i, map[string]any{"type": "message", "id": id, "role": "assistant", "status": "completed", "content": []any{
			map[string]any{"type": "output_text", "text": b.Text, "annotations": []any{}},
		}})
	}
	return true
}

func (s *responseStream) call(i int) map[string]any {
	b := s.turn.Blocks[i]
	arguments, err := json.Marshal(b.Input)
	if err != nil {
		panic(err) // the test's own input does not marshal
	}
	item := map[string]any{
		"type": "function_call", "id": "fc_test_" + s.turn.ids[i], "call_id": "call_test_" + s.turn.ids[i],
		"name": b.Tool, "arguments": string(arguments), "status": "completed",
	}
	if namespace, tool, ok := strings.Cut(b.Tool, "/"); ok {
		item["namespace"], item["name"] = namespace, tool
	}
	return item
}

func (s *responseStream) added(i int, item map[string]any) {
	s.send("response.output_item.added", map[string]any{"output_index": i, "item": item})
}

func (s *responseStream) done(i int, item map[string]any) {
	s.send("response.output_item.done", map[string]any{"output_index": i, "item": item})
}
