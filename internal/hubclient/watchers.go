package hubclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"hapi/internal/wire"
)

// ErrNoWatchers says that there is no hub now that knows who watches.
var ErrNoWatchers = errors.New("the hub does not say who watches")

// Watchers asks the hub who watches the session.
func (l *Link) Watchers(ctx context.Context) (n wire.Watchers, err error) {
	if !l.greeted.Load() || !l.countsWatchers.Load() {
		return n, ErrNoWatchers
	}
	reply, err := l.socket.Call(ctx, wire.EventWatchers, wire.AskWatchers{SID: l.id})
	if err != nil {
		return n, fmt.Errorf("ask who watches: %w", err)
	}
	if len(reply) == 0 || json.Unmarshal(reply[0], &n) != nil {
		return wire.Watchers{}, ErrNoWatchers
	}
	return n, nil
}
