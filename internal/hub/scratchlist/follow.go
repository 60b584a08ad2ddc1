package scratchlist

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"hapi/internal/wire"
)

// Joining puts the files of a session's notes where those of the session are
// into which it is about to be merged; the notes themselves move with the rest
// of it.
func (s *Service) Joining(ns wire.Namespace, from, into wire.SessionID) error {
	defer s.lock(from)()
	list, err := s.files.list(ns, from)
	if err != nil {
		return err
	}
	for _, f := range list {
		if err := s.files.link(ns, from, into, f.name()); err != nil {
			return err
		}
	}
	return nil
}

// Gone deletes the files of a session that is gone. Those that stay are
// deleted by Run.
func (s *Service) Gone(ns wire.Namespace, id wire.SessionID) {
	if err := s.Forget(ns, id); err != nil {
		s.log.Warn("files of a deleted session stay", "session", id, "err", err)
	}
}

// link makes a file of one session also a file of another one.
func (f files) link(ns wire.Namespace, from, into wire.SessionID, name string) error {
	root, err := f.open(false)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // nothing is written through it
	if err := root.MkdirAll(place(ns, into), 0o700); err != nil {
		return fmt.Errorf("move a note's file: %w", err)
	}
	err = root.Link(filepath.Join(place(ns, from), name), filepath.Join(place(ns, into), name))
	if err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("move a note's file: %w", err)
	}
	return nil
}
