package sessions

import (
	"context"
	"errors"
	"fmt"

	"hapi/internal/wire"
)

// Prune deletes the sessions of all namespaces that nothing has happened in
// since a time. Active and pinned ones stay. It gives how many there were, also
// when dry only counts them.
func (s *Service) Prune(ctx context.Context, before wire.Millis, dry bool) (int, error) {
	type old struct {
		ns wire.Namespace
		id wire.SessionID
	}
	var all []old
	s.mu.RLock()
	for id, e := range s.all {
		if !e.row.Active && e.row.Pin == PinNone && e.row.UpdatedAt < before {
			all = append(all, old{e.row.Namespace, id})
		}
	}
	s.mu.RUnlock()
	if dry {
		return len(all), nil
	}
	n := 0
	for _, o := range all {
		switch err := s.Delete(ctx, o.ns, o.id); {
		case err == nil:
			n++
		case errors.Is(err, wire.ErrSessionNotFound), errors.Is(err, ErrActive): // it changed meanwhile
		default:
			return n, fmt.Errorf("prune: %w", err)
		}
	}
	return n, nil
}
