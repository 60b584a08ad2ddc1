package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"hapi/internal/wire"
)

// target answers every call with what f gives.
type target struct {
	f func(ctx context.Context, r wire.RPCRequest) ([]json.RawMessage, error)
}

func (t *target) Call(ctx context.Context, _ string, args ...any) ([]json.RawMessage, error) {
	return t.f(ctx, args[0].(wire.RPCRequest))
}

func answering(reply ...string) *target {
	return &target{func(context.Context, wire.RPCRequest) ([]json.RawMessage, error) {
		var raw []json.RawMessage
		for _, r := range reply {
			raw = append(raw, json.RawMessage(r))
		}
		return raw, nil
	}}
}

func TestAnswersAreReadFromTheirString(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		reply []string
		want  string
		err   string
	}{
		"object in a string":   {[]string{`"{\"a\":1}"`}, `{"a":1}`, ""},
		"null":                 {[]string{`null`}, `null`, ""},
		"nothing":              {nil, `null`, ""},
		"plain text":           {[]string{`"not json"`}, `"not json"`, ""},
		"error":                {[]string{`"{\"error\":\"Method not found\"}"`}, "", "Method not found"},
		"failure with success": {[]string{`"{\"success\":false,\"error\":\"no\"}"`}, `{"success":false,"error":"no"}`, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := New(Options{})
			r.Register("S:x", answering(tt.reply...))
			got, err := r.CallRaw(t.Context(), "S", "x", nil)
			if string(got) != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			var failed *HandlerError
			if (tt.err == "") != (err == nil) || err != nil && (!errors.As(err, &failed) || failed.Text != tt.err) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestCallWaitsForRegistrationButNotForever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := New(Options{Patience: time.Second})
		go func() {
			time.Sleep(500 * time.Millisecond)
			r.Register("S:soon", answering(`"1"`))
		}()
		if got, err := r.CallRaw(t.Context(), "S", "soon", nil); err != nil || string(got) != "1" {
			t.Errorf("got %s, %v", got, err)
		}
		var missing *TargetMissing
		if _, err := r.CallRaw(t.Context(), "S", "never", nil); !errors.As(err, &missing) || missing.Text != "RPC handler not registered: S:never" {
			t.Errorf("got %v", err)
		}
		if len(r.arrived) != 0 {
			t.Errorf("%d waits are left", len(r.arrived))
		}
	})
}

func TestCallTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := New(Options{Timeout: 30 * time.Second})
		r.Register("S:slow", &target{func(ctx context.Context, _ wire.RPCRequest) ([]json.RawMessage, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}})
		begin := time.Now()
		if _, err := r.CallRaw(t.Context(), "S", "slow", nil); !errors.Is(err, ErrTimeout) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begin); took != 30*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestLastRegistrationWinsAndOnlyItsOwnerRemovesIt(t *testing.T) {
	t.Parallel()
	r := New(Options{Patience: time.Nanosecond})
	old, fresh := answering(`"1"`), answering(`"2"`)
	r.Register("S:x", old)
	r.Register("S:x", fresh)
	r.Unregister("S:x", old)
	if got, err := r.CallRaw(t.Context(), "S", "x", nil); err != nil || string(got) != "2" {
		t.Errorf("got %s, %v", got, err)
	}
	r.Unregister("S:x", fresh)
	var missing *TargetMissing
	if _, err := r.CallRaw(t.Context(), "S", "x", nil); !errors.As(err, &missing) {
		t.Errorf("got %v", err)
	}
}

func TestDisconnectDuringACallIsATargetMissing(t *testing.T) {
	t.Parallel()
	r := New(Options{})
	r.Register("S:x", &target{func(context.Context, wire.RPCRequest) ([]json.RawMessage, error) {
		return nil, errors.New("socket is not connected")
	}})
	var missing *TargetMissing
	if _, err := r.CallRaw(t.Context(), "S", "x", nil); !errors.As(err, &missing) || missing.Text != "RPC socket disconnected: S:x" {
		t.Errorf("got %v", err)
	}
}
