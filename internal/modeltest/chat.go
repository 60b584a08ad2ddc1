package modeltest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// answer reads a request of another API as if it had been one of the Messages
// API, so that scripts and questions are the same, and streams its turn.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, read func(body []byte) (*Request, error), say func(ctx context.Context, st *stream)) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the agent left
	}
	req, err := read(body)
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
		say(r.Context(), &stream{turn: &turn, req: req, w: w, flusher: w.(http.Flusher)}) //nolint:forcetypeassert // net/http's writers flush
	}
}

// data sends one event of data alone.
func (s *stream) data(v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // the test's own input does not marshal
	}
	_, _ = fmt.Fprintf(s.w, "data: %s\n\n", raw)
	s.flusher.Flush()
}

// text passes a text on piece by piece, as its gate lets it; it says whether
// the agent still listens.
func (s *stream) text(ctx context.Context, b *Block, say func(piece string)) bool {
	for _, piece := range pieces(b.Text) {
		if b.Gate != nil {
			select {
			case <-b.Gate:
			case <-ctx.Done():
				return false
			}
		}
		say(piece)
	}
	return true
}

// chat answers the OpenAI Chat Completions API.
func (s *Server) chat(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, readChatRequest, func(ctx context.Context, st *stream) {
		if st.req.Stream {
			st.chat(ctx)
			return
		}
		message := map[string]any{"role": "assistant", "content": ""}
		for _, b := range st.turn.Blocks {
			if b.Kind == "text" {
				message["content"] = b.Text
			}
		}
		writeJSON(w, http.StatusOK, map[string]any{
			"id": "chatcmpl_test", "object": "chat.completion", "model": st.req.Model,
			"choices": []any{map[string]any{"index": 0, "message": message, "finish_reason": "stop"}}, "usage": st.chatUsage(),
		})
	})
}

func readChatRequest(body []byte) (*Request, error) {
	var in struct {
		Model    string `json:"model"`
		Stream   bool   `json:"stream"`
		Messages []struct {
			Role      string          `json:"role"`
			Content   json.RawMessage `json:"content"`
			ToolCalls []struct {
				Function struct{ Name, Arguments string } `json:"function"`
			} `json:"tool_calls"`
		} `json:"messages"`
		Tools []struct {
			Function struct {
				Name string `json:"name"`
			} `json:"function"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	req := &Request{Model: in.Model, Stream: in.Stream}
	for _, m := range in.Messages {
		text := textOf(m.Content)
		for _, c := range m.ToolCalls {
			text += "[" + c.Function.Name + " " + c.Function.Arguments + "]"
		}
		req.add(m.Role, text)
	}
	for _, t := range in.Tools {
		req.Tools = append(req.Tools, Tool{Name: t.Function.Name})
	}
	return req, nil
}

// add adds a message of one text.
func (r *Request) add(role, text string) {
	raw, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string marshals
	}
	r.Messages = append(r.Messages, Message{Role: role, Content: raw})
}

func (s *stream) chatUsage() map[string]any {
	u := s.turn.usage()
	in, out := u["input_tokens"].(int), u["output_tokens"].(int) //nolint:forcetypeassert // made by usage
	return map[string]any{"prompt_tokens": in, "completion_tokens": out, "total_tokens": in + out}
}

// chat writes a turn as chunks of a chat completion.
func (s *stream) chat(ctx context.Context) {
	s.w.Header().Set("Content-Type", "text/event-stream")
	chunk := func(delta map[string]any, finish any) {
		s.data(map[string]any{
			"id": "chatcmpl_test", "object": "chat.completion.chunk", "model": s.req.Model,
			"choices": []any{map[string]any{"index": 0, "delta": delta, "finish_reason": finish}},
		})
	}
	chunk(map[string]any{"role": "assistant", "content": ""}, nil)
	for i := range s.turn.Blocks {
		b := &s.turn.Blocks[i]
		switch b.Kind {
		case "tool_use":
			arguments, err := json.Marshal(b.Input)
			if err != nil {
				panic(err) // the test's own input does not marshal
			}
			chunk(map[string]any{"tool_calls": []any{map[string]any{
				"index": i, "id": "call_test_" + s.turn.ids[i], "type": "function", "function": map[string]any{"name": b.Tool, "arguments": string(arguments)},
			}}}, nil)
		case "thinking":
			chunk(map[string]any{"reasoning_content": b.Text}, nil)
		default:
			if !s.text(ctx, b, func(piece string) { chunk(map[string]any{"content": piece}, nil) }) {
				return
			}
		}
	}
	finish := "stop"
	if s.turn.stopReason() == "tool_use" {
		finish = "tool_calls"
	}
	chunk(map[string]any{}, finish)
	s.data(map[string]any{"id": "chatcmpl_test", "object": "chat.completion.chunk", "model": s.req.Model, "choices": []any{}, "usage": s.chatUsage()})
	_, _ = io.WriteString(s.w, "data: [DONE]\n\n") // an agent that left is no concern of the model's
}

// gemini answers the Gemini API.
func (s *Server) gemini(w http.ResponseWriter, r *http.Request) {
	model, method, _ := strings.Cut(r.PathValue("call"), ":")
	if method == "countTokens" {
		writeJSON(w, http.StatusOK, map[string]int{"totalTokens": 100})
		return
	}
	var schema map[string]any // of the answer, where one is wanted
	read := func(body []byte) (req *Request, err error) {
		req, schema, err = readGeminiRequest(body, model)
		return req, err
	}
	s.answer(w, r, read, func(ctx context.Context, st *stream) {
		switch {
		case method == "streamGenerateContent":
			st.gemini(ctx)
			return
		case schema != nil:
			raw, err := json.Marshal(fitting(schema))
			if err != nil {
				panic(err) // it is made of maps and strings
			}
			writeJSON(w, http.StatusOK, st.geminiAnswer([]any{map[string]any{"text": string(raw)}}, "STOP"))
			return
		}
		var parts []any
		for _, b := range st.turn.Blocks {
			parts = append(parts, map[string]any{"text": b.Text})
		}
		writeJSON(w, http.StatusOK, st.geminiAnswer(parts, "STOP"))
	})
}

// fitting is a value that a schema allows.
func fitting(schema map[string]any) any {
	kind, _ := schema["type"].(string)
	switch strings.ToLower(kind) {
	case "object":
		object := map[string]any{}
		properties, _ := schema["properties"].(map[string]any)
		for name, property := range properties {
			inner, _ := property.(map[string]any)
			object[name] = fitting(inner)
		}
		return object
	case "array":
		return []any{}
	case "integer", "number":
		return 1
	case "boolean":
		return false
	}
	if choices, _ := schema["enum"].([]any); len(choices) > 0 {
		return choices[0]
	}
	return "test"
}

func readGeminiRequest(body []byte, model string) (*Request, map[string]any, error) {
	var in struct {
		Config struct {
			Schema     map[string]any `json:"responseSchema"`
			JSONSchema map[string]any `json:"responseJsonSchema"`
		} `json:"generationConfig"`
		Contents []struct {
			Role  string `json:"role"`
			Parts []struct {
				Text         string          `json:"text"`
				FunctionCall json.RawMessage `json:"functionCall"`
				Response     json.RawMessage `json:"functionResponse"`
			} `json:"parts"`
		} `json:"contents"`
		Tools []struct {
			Functions []Tool `json:"functionDeclarations"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, nil, fmt.Errorf("read the request: %w", err)
	}
	req := &Request{Model: model}
	for _, c := range in.Contents {
		var text []string
		for _, p := range c.Parts {
			text = append(text, p.Text+string(p.FunctionCall)+string(p.Response))
		}
		role := c.Role
		if role == "model" {
			role = "assistant"
		}
		req.add(role, strings.Join(text, "\n"))
	}
	for _, t := range in.Tools {
		req.Tools = append(req.Tools, t.Functions...)
	}
	if in.Config.Schema == nil {
		in.Config.Schema = in.Config.JSONSchema
	}
	return req, in.Config.Schema, nil
}

func (s *stream) geminiAnswer(parts []any, finish string) map[string]any {
	candidate := map[string]any{"index": 0, "content": map[string]any{"role": "model", "parts": parts}}
	answer := map[string]any{"candidates": []any{candidate}, "modelVersion": s.req.Model, "responseId": "gemini_test"}
	if finish != "" {
		candidate["finishReason"] = finish
		u := s.turn.usage()
		in, out := u["input_tokens"].(int), u["output_tokens"].(int) //nolint:forcetypeassert // made by usage
		answer["usageMetadata"] = map[string]int{"promptTokenCount": in, "candidatesTokenCount": out, "totalTokenCount": in + out}
	}
	return answer
}

// gemini writes a turn as a stream of answers.
func (s *stream) gemini(ctx context.Context) {
	s.w.Header().Set("Content-Type", "text/event-stream")
	for i := range s.turn.Blocks {
		b := &s.turn.Blocks[i]
		switch b.Kind {
		case "tool_use":
			s.data(s.geminiAnswer([]any{map[string]any{"functionCall": map[string]any{"id": "call_test_" + s.turn.ids[i], "name": b.Tool, "args": b.Input}}}, ""))
		case "thinking":
			s.data(s.geminiAnswer([]any{map[string]any{"text": b.Text, "thought": true}}, ""))
		default:
			if !s.text(ctx, b, func(piece string) { s.data(s.geminiAnswer([]any{map[string]any{"text": piece}}, "")) }) {
				return
			}
		}
	}
	s.data(s.geminiAnswer([]any{map[string]any{"text": ""}}, "STOP"))
}
