package session

import (
	"context"
	"time"
)

// watchersEvery is the pace at which a shown screen asks who watches, and how
// long an answer may take.
const watchersEvery = 3 * time.Second

// lookForWatchers keeps the screen's word on who watches true until ctx ends.
func (s *Session) lookForWatchers(ctx context.Context) {
	tick := time.NewTicker(watchersEvery)
	defer tick.Stop()
	for {
		asking, cancel := context.WithTimeout(ctx, watchersEvery)
		n, err := s.link.Watchers(asking)
		cancel()
		if err != nil {
			s.screen.Watched(nil) // not known
		} else {
			s.screen.Watched(&n)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
