package usage

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/tidwall/gjson"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// entry is what one row says was used.
type entry struct {
	store.UsageEvent
	kind kind
	// Of running totals: the stream they belong to, and the latest request's own
	// counts, if it told them.
	stream string
	last   *store.Tokens
}

type kind int

const (
	request  kind = iota // of one request, told once
	streamed             // of one request, told again as it grows
	total                // of all requests of a stream so far
	turn                 // of a whole turn, told at its end
)

// read finds what a row says was used.
func read(m *store.Spoken) (entry, bool) {
	content := gjson.ParseBytes(m.Content)
	if content.Get("role").Str != "agent" {
		return entry{}, false
	}
	e := entry{UsageEvent: store.UsageEvent{
		Namespace: m.Namespace, SessionKey: m.SessionKey, MessageKey: m.Key, At: m.CreatedAt, Requests: 1,
	}}
	if m.Model != nil {
		e.Model = *m.Model
	}
	data := content.Get("content.data")
	ok := false
	switch typ := data.Get("type").Str; {
	case content.Get("content.type").Str == "output" && typ == "assistant":
		ok = e.fromClaude(m, data)
	case content.Get("content.type").Str == "output" && typ == "system":
		ok = e.fromTurn(m, data)
	case typ == "token_count", typ == "usage":
		ok = e.fromGeneric(m, data, typ)
	}
	return e, ok && e.Tokens != (store.Tokens{})
}

// fromClaude reads the usage of a Claude message. The same message comes again
// as it grows.
func (e *entry) fromClaude(m *store.Spoken, data gjson.Result) bool {
	message := data.Get("message")
	e.kind, e.Agent = streamed, string(wire.FlavorClaude)
	e.Tokens = tokens(message.Get("usage"), includesCache(data, false))
	id := message.Get("id").Str
	if id == "" {
		id = string(m.ID)
	}
	e.Key = "claude|" + id
	if model := message.Get("model").Str; model != "" {
		e.Model = model
	}
	return true
}

// fromTurn reads the summary of a finished turn. A Claude message carries what
// was known when it began, so the output of a turn is known only at its end.
func (e *entry) fromTurn(m *store.Spoken, data gjson.Result) bool {
	used := data.Get("resultSummary.usage")
	e.kind, e.Agent, e.Requests = turn, string(wire.FlavorClaude), 0
	e.Key = "turn|" + string(m.ID)
	e.Tokens = store.Tokens{Output: count(used, "output_tokens", "outputTokens")}
	return used.IsObject()
}

// fromGeneric reads what any other agent reports.
func (e *entry) fromGeneric(m *store.Spoken, data gjson.Result, typ string) bool {
	metadata := gjson.ParseBytes(m.Metadata)
	flavor := metadata.Get("flavor").Str
	thread := textOf(data, "threadId", "thread_id")
	if data.Get("hapiUsageScope").Str == "imported-history" {
		return false
	}
	codex := flavor == string(wire.FlavorCodex)
	if codex && thread == "" && (metadata.Get("codexSourceSessionId").Str != "" || metadata.Get("lifecycleState").Str == "imported") {
		return false
	}
	e.Agent = flavor
	if e.Agent == "" {
		e.Agent = "unknown"
	}
	if model := data.Get("model").Str; model != "" {
		e.Model = model
	}
	inclusive := includesCache(data, codex || flavor == string(wire.FlavorKimi) || data.Get("model").Exists() ||
		m.LocalID != nil && strings.HasPrefix(string(*m.LocalID), "pi:"))
	info := data.Get("info")
	if !info.IsObject() {
		info = data
	}
	sum, last := firstOf(info, "total", "total_token_usage", "totalTokenUsage"), firstOf(info, "last", "last_token_usage", "lastTokenUsage")
	if typ == "usage" && !last.Exists() {
		last = info
	}
	e.Key = "delta|" + string(m.ID)
	switch {
	case codex && sum.IsObject():
		e.running(m, data, thread, tokens(sum, inclusive))
		if last.IsObject() {
			t := tokens(last, inclusive)
			e.last = &t
		}
	case codex:
		e.Tokens = tokens(last, inclusive)
	case sum.IsObject():
		e.Tokens = tokens(sum, inclusive)
	default:
		e.Tokens = tokens(info, inclusive)
	}
	return true
}

// running notes totals. The key holds the counts, so that a snapshot that is
// told again is known.
func (e *entry) running(m *store.Spoken, data gjson.Result, thread string, sum store.Tokens) {
	if thread == "" {
		thread = string(m.Session)
	}
	scope := textOf(data, "scopeRole", "scope_role")
	if scope == "" {
		scope = "parent"
	}
	e.kind, e.Tokens, e.stream = total, sum, thread+"|"+scope
	e.Key = fmt.Sprintf("cumulative|%s|%s|%d|%d|%d|%d", e.stream, textOf(data, "turnId", "turn_id"), sum.Input, sum.Output, sum.CacheRead, sum.CacheWrite)
}

// includesCache says whether input counts include what was cached: as declared,
// else as the kind of agent does it.
func includesCache(data gjson.Result, otherwise bool) bool {
	if data.Get("usageSchema").Str == "hapi.usage.v1" {
		switch data.Get("inputTokenSemantics").Str {
		case "includes-cache":
			return true
		case "excludes-cache":
			return false
		}
	}
	return otherwise
}

func tokens(v gjson.Result, inclusive bool) store.Tokens {
	t := store.Tokens{
		Input:      count(v, "inputTokens", "input_tokens"),
		Output:     count(v, "outputTokens", "output_tokens"),
		CacheRead:  count(v, "cachedInputTokens", "cached_input_tokens", "cacheReadTokens", "cache_read_input_tokens", "cacheReadInputTokens"),
		CacheWrite: count(v, "cacheWriteInputTokens", "cache_write_input_tokens", "cacheCreationTokens", "cache_creation_input_tokens", "cacheCreationInputTokens"),
	}
	if !inclusive {
		t.Input += t.CacheRead + t.CacheWrite
	}
	return t
}

// mostTokens is more than any request uses; beyond it a count is nonsense, and
// sums could overflow.
const mostTokens = 1 << 40

func count(v gjson.Result, keys ...string) int64 {
	n := firstOf(v, keys...)
	if n.Type != gjson.Number || math.IsNaN(n.Num) || n.Num < 0 || n.Num > mostTokens {
		return 0
	}
	return int64(n.Num)
}

func firstOf(v gjson.Result, keys ...string) gjson.Result {
	for _, key := range keys {
		if found := v.Get(key); found.Exists() && found.Type != gjson.Null {
			return found
		}
	}
	return gjson.Result{}
}

func textOf(v gjson.Result, keys ...string) string { return firstOf(v, keys...).Str }

// enter puts the entry into the ledger.
func (e *entry) enter(ctx context.Context, tx *store.Tx) error {
	switch e.kind {
	case total:
		return e.enterTotal(ctx, tx)
	case turn:
		return e.enterTurn(ctx, tx)
	case request, streamed:
	}
	e.Tokens = plausible(e.Tokens)
	_, err := tx.AddUsage(ctx, &e.UsageEvent, e.kind == streamed)
	return err
}

// enterTotal enters the difference to the totals before. Totals that fell began
// anew: then the latest request's own counts are the difference.
func (e *entry) enterTotal(ctx context.Context, tx *store.Tx) error {
	sum := e.Tokens
	added, err := tx.AddUsage(ctx, &e.UsageEvent, false)
	if err != nil || !added {
		return err // a snapshot that is told again
	}
	before, known, err := tx.UsageTotals(ctx, e.Namespace, e.stream, sum)
	if err != nil {
		return err
	}
	switch fell := sum.Input < before.Input || sum.Output < before.Output || sum.CacheRead < before.CacheRead || sum.CacheWrite < before.CacheWrite; {
	case known && !fell:
		e.Tokens = store.Tokens{
			Input: sum.Input - before.Input, Output: sum.Output - before.Output,
			CacheRead: sum.CacheRead - before.CacheRead, CacheWrite: sum.CacheWrite - before.CacheWrite,
		}
	case e.last != nil:
		e.Tokens = *e.last
	}
	e.Tokens = plausible(e.Tokens)
	_, err = tx.AddUsage(ctx, &e.UsageEvent, true)
	return err
}

// enterTurn enters the output that the turn's messages did not report.
func (e *entry) enterTurn(ctx context.Context, tx *store.Tx) error {
	reported, model, err := tx.OutputOfTurn(ctx, e.SessionKey, e.MessageKey)
	if err != nil {
		return err
	}
	if model != "" {
		e.Model = model
	}
	e.Output = max(0, e.Output-reported)
	_, err = tx.AddUsage(ctx, &e.UsageEvent, false)
	return err
}

// plausible drops cache counts that exceed the input that they are part of.
func plausible(t store.Tokens) store.Tokens {
	if t.CacheRead+t.CacheWrite > t.Input {
		t.CacheRead, t.CacheWrite = 0, 0
	}
	return t
}
