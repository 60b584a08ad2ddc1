package auth

import (
	"log/slog"
	"sync"
	"time"
)

// audit tells the hub's log of attempts that were refused, a line for a while
// of them: who floods a hub does not flood its log.
type audit struct {
	log *slog.Logger

	mu    sync.Mutex
	said  time.Time
	count int // since then
}

const auditEvery = 10 * time.Second

func (a *audit) refused(now time.Time, from Address) {
	a.mu.Lock()
	a.count++
	count := a.count
	due := a.said.IsZero() || now.Sub(a.said) >= auditEvery || now.Before(a.said)
	if due {
		a.said, a.count = now, 0
	}
	a.mu.Unlock()
	if due {
		a.log.Warn("attempts to sign in are refused: too many had a wrong token", "address", string(from), "refused", count)
	}
}
