package session

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"hapi/internal/hubclient"
	"hapi/internal/wire"
)

// answers is a hub that gives one after the other; the last one again and again.
type answers struct {
	list  []func(in wire.CreateSession) (int, string)
	calls []wire.CreateSession
}

// RoundTrip implements http.RoundTripper.
func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	var in wire.CreateSession
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	answer := a.list[min(len(a.calls), len(a.list)-1)]
	a.calls = append(a.calls, in)
	status, body := answer(in)
	if status == 0 {
		return nil, errors.New("nobody is there")
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

func away(wire.CreateSession) (int, string)        { return 0, "" }
func unavailable(wire.CreateSession) (int, string) { return 503, `{"error":"storage busy"}` }
func forbidden(wire.CreateSession) (int, string)   { return 403, `{"error":"Machine access denied"}` }
func made(in wire.CreateSession) (int, string) {
	return 200, `{"session":{"id":"` + string(in.ID) + `"}}`
}
func another(wire.CreateSession) (int, string) { return 200, `{"session":{"id":"other"}}` }

func TestARowIsMadeOnceItIsNeededHoweverLongTheHubIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := &answers{list: []func(wire.CreateSession) (int, string){away, unavailable, made}}
		client := hubclient.New(hubclient.Options{BaseURL: "http://hub", HTTP: &http.Client{Transport: hub}})
		r := newRow(wire.CreateSession{ID: "mine", Tag: "tag"})
		s := &Session{stored: r}
		result := make(chan error, 1)
		go func() { result <- r.store(t.Context(), client, slog.New(slog.DiscardHandler)) }()
		synctest.Wait()
		if len(hub.calls) != 0 || s.Unsaved() != nil {
			t.Errorf("before it is needed the hub got %d calls, and is missing %v", len(hub.calls), s.Unsaved())
		}
		r.need()
		synctest.Wait()
		if err := s.Unsaved(); err == nil || !strings.Contains(err.Error(), "nobody is there") {
			t.Errorf("while the hub is away it is missing %v", err)
		}
		if err := <-result; err != nil || s.Unsaved() != nil || !r.isStored() {
			t.Errorf("then it is %v, missing %v", err, s.Unsaved())
		}
		if len(hub.calls) != 3 || hub.calls[0].Tag != hub.calls[2].Tag || hub.calls[2].ID != "mine" {
			t.Errorf("the hub got %+v", hub.calls)
		}
	})
}

func TestARefusedRowIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	for _, answer := range []func(wire.CreateSession) (int, string){forbidden, another} {
		hub := &answers{list: []func(wire.CreateSession) (int, string){answer}}
		client := hubclient.New(hubclient.Options{BaseURL: "http://hub", HTTP: &http.Client{Transport: hub}})
		r := newRow(wire.CreateSession{ID: "mine"})
		r.need()
		if err := r.store(t.Context(), client, slog.New(slog.DiscardHandler)); !errors.Is(err, errRefused) || r.isStored() || len(hub.calls) != 1 {
			t.Errorf("it is %v after %d calls", err, len(hub.calls))
		}
		if err := r.await(t.Context()); !errors.Is(err, errRefused) {
			t.Errorf("who waits for it is told %v", err)
		}
		if err := (&Session{stored: r}).Unsaved(); !errors.Is(err, errRefused) {
			t.Errorf("its person is told %v", err)
		}
	}
}

func TestARowThatIsNeverNeededIsNotMade(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := newRow(wire.CreateSession{})
	if err := r.store(ctx, nil, nil); !errors.Is(err, context.Canceled) || r.isNeeded() {
		t.Errorf("it is %v", err)
	}
}
