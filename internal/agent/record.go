package agent

import (
	"encoding/json"

	"github.com/google/uuid"
)

// Generic is a row of an agent that is not Claude (messages contract §12.5).
// The name of the envelope is historical. data is made of what JSON holds.
func Generic(data map[string]any) Record {
	raw, err := json.Marshal(map[string]any{
		"role": "agent", "content": map[string]any{"type": "codex", "data": data}, "meta": map[string]any{"sentFrom": "cli"},
	})
	if err != nil {
		panic(err) // a caller's mistake, found by its first test
	}
	return Record{Content: raw}
}

// Event is a remark beside the conversation (messages contract §12.6).
func Event(data map[string]any) Record {
	raw, err := json.Marshal(map[string]any{
		"role": "agent", "content": map[string]any{"id": uuid.NewString(), "type": "event", "data": data},
	})
	if err != nil {
		panic(err) // likewise
	}
	return Record{Content: raw}
}

// Retried is a row of a request to the model that failed and is made again, as
// Claude's are.
func Retried(attempt int, why string) Record {
	raw, err := json.Marshal(map[string]any{
		"role": "agent",
		"content": map[string]any{"type": "output", "data": map[string]any{
			"type": "system", "subtype": "api_error", "uuid": uuid.NewString(), "retryAttempt": attempt, "maxRetries": 0,
			"error": map[string]any{"message": why},
		}},
		"meta": map[string]any{"sentFrom": "cli"},
	})
	if err != nil {
		panic(err) // likewise
	}
	return Record{Content: raw}
}

// Said is a row of what a person said to the agent itself.
func Said(text string) Record {
	raw, err := json.Marshal(map[string]any{
		"role": "user", "content": map[string]any{"type": "text", "text": text}, "meta": map[string]any{"sentFrom": "cli"},
	})
	if err != nil {
		panic(err) // likewise
	}
	return Record{Content: raw}
}
