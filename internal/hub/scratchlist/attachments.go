package scratchlist

import (
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"hapi/internal/wire"
)

// orphanAfter is how old a file must be that no note has, before it makes room
// for another: its note may be about to be written.
const orphanAfter = 24 * time.Hour

// Upload keeps a file for a note that is yet to be written.
func (s *Service) Upload(ctx context.Context, ns wire.Namespace, id wire.SessionID, filename, mimeType, content string) (wire.Attachment, error) {
	var none wire.Attachment
	if err := s.sessions.Access(ns, id); err != nil {
		return none, err
	}
	if !slices.Contains(s.limits.AllowedMimeTypes, mimeType) {
		return none, ErrMimeType
	}
	if int64(base64.StdEncoding.DecodedLen(len(content))) > s.limits.MaxBytesPerFile+3 {
		return none, ErrFileTooLarge
	}
	raw, err := base64.StdEncoding.DecodeString(content)
	if err != nil {
		if raw, err = base64.RawStdEncoding.DecodeString(content); err != nil {
			return none, ErrAttachmentInvalid
		}
	}
	if int64(len(raw)) > s.limits.MaxBytesPerFile {
		return none, ErrFileTooLarge
	}
	defer s.lock(id)()
	if err := s.makeRoom(ctx, ns, id, int64(len(raw))); err != nil {
		return none, err
	}
	f, err := s.files.write(ns, id, s.newID(), filename, raw)
	if err != nil {
		return none, err
	}
	return f.attachment(ns, id, mimeType), nil
}

// makeRoom checks that the session may have that many bytes more. Files that
// were never attached go first.
func (s *Service) makeRoom(ctx context.Context, ns wire.Namespace, id wire.SessionID, more int64) error {
	list, err := s.files.list(ns, id)
	if err != nil {
		return err
	}
	if total(list)+more <= s.limits.MaxBytesPerSession {
		return nil
	}
	entries, err := s.store.Scratchlist(ctx, s.store.Reader(), id)
	if err != nil {
		return err
	}
	for _, f := range list {
		if !referenced(entries, f.id) && s.now().Sub(f.modified) > orphanAfter {
			if err := s.files.remove(ns, id, f.name()); err != nil {
				return err
			}
		}
	}
	if list, err = s.files.list(ns, id); err != nil {
		return err
	}
	if total(list)+more > s.limits.MaxBytesPerSession {
		return ErrSessionBytes
	}
	return nil
}

func total(list []file) (bytes int64) {
	for _, f := range list {
		bytes += f.size
	}
	return bytes
}

func referenced(entries []wire.ScratchlistEntry, id string) bool {
	return slices.ContainsFunc(entries, func(e wire.ScratchlistEntry) bool {
		return slices.ContainsFunc(e.Attachments, func(a wire.Attachment) bool { return a.ID == id })
	})
}

// resolve finds the files that a client names. Their names and sizes are those
// on disk.
func (s *Service) resolve(ns wire.Namespace, id wire.SessionID, claimed []wire.Attachment) ([]wire.Attachment, error) {
	if len(claimed) > s.limits.MaxAttachmentsPerEntry {
		return nil, ErrTooManyAttachments
	}
	list, err := s.files.list(ns, id)
	if err != nil {
		return nil, err
	}
	out := make([]wire.Attachment, 0, len(claimed))
	var bytes int64
	for _, c := range claimed {
		i := slices.IndexFunc(list, func(f file) bool { return f.id == c.ID && c.Path == f.path(ns, id) })
		switch {
		case i < 0, slices.ContainsFunc(out, func(a wire.Attachment) bool { return a.ID == c.ID }):
			return nil, ErrAttachmentInvalid
		case !slices.Contains(s.limits.AllowedMimeTypes, c.MimeType):
			return nil, ErrMimeType
		case list[i].size > s.limits.MaxBytesPerFile:
			return nil, ErrFileTooLarge
		}
		bytes += list[i].size
		out = append(out, list[i].attachment(ns, id, c.MimeType))
	}
	if bytes > s.limits.MaxBytesPerEntry {
		return nil, ErrEntryBytes
	}
	return out, nil
}

// Read gives a file that a note has.
func (s *Service) Read(ctx context.Context, ns wire.Namespace, id wire.SessionID, attachment string) (wire.Attachment, []byte, error) {
	entries, err := s.List(ctx, ns, id)
	if err != nil {
		return wire.Attachment{}, nil, err
	}
	for _, e := range entries {
		for _, a := range e.Attachments {
			if a.ID != attachment {
				continue
			}
			raw, err := s.files.read(ns, id, a.ID+"-"+a.Filename)
			if errors.Is(err, fs.ErrNotExist) {
				return a, nil, ErrAttachmentNotFound
			}
			return a, raw, err
		}
	}
	return wire.Attachment{}, nil, ErrAttachmentNotFound
}

// Discard deletes a file that no note has.
func (s *Service) Discard(ctx context.Context, ns wire.Namespace, id wire.SessionID, attachment string) error {
	if err := s.sessions.Access(ns, id); err != nil {
		return err
	}
	if !fullUUID(attachment) {
		return ErrAttachmentNotFound
	}
	defer s.lock(id)()
	entries, err := s.store.Scratchlist(ctx, s.store.Reader(), id)
	if err != nil {
		return err
	}
	if referenced(entries, attachment) {
		return ErrAttachmentInUse
	}
	list, err := s.files.list(ns, id)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(f file) bool { return f.id == attachment })
	if i < 0 {
		return ErrAttachmentNotFound
	}
	return s.files.remove(ns, id, list[i].name())
}

func fullUUID(s string) bool {
	return len(s) == 36 && strings.ToLower(s) == s && uuid.Validate(s) == nil
}

// drop deletes the files of attachments that none of the entries has. A file
// that stays is removed with its session.
func (s *Service) drop(ns wire.Namespace, id wire.SessionID, attachments []wire.Attachment, entries []wire.ScratchlistEntry) {
	for _, a := range attachments {
		if referenced(entries, a.ID) {
			continue
		}
		if err := s.files.remove(ns, id, a.ID+"-"+a.Filename); err != nil {
			s.log.Warn("a note's file stays", "session", id, "err", err)
		}
	}
}

// Forget deletes the files of a session that was deleted.
func (s *Service) Forget(ns wire.Namespace, id wire.SessionID) error {
	defer s.lock(id)()
	return s.files.removeAll(ns, id)
}

const sweepEvery = time.Hour

// Run deletes the files of sessions that are gone, whatever kept Forget from
// it. It returns when ctx ends.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := s.sweep(); err != nil {
			s.log.WarnContext(ctx, "files of deleted sessions stay", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *Service) sweep() error {
	owners, err := s.files.owners()
	for _, o := range owners {
		if errors.Is(s.sessions.Access(o.ns, o.session), wire.ErrSessionNotFound) {
			err = errors.Join(err, s.Forget(o.ns, o.session))
		}
	}
	return err
}
