// Package scratchlist keeps what people note beside a session: short texts with
// files. The files are the hub's own; nothing a client says of them is believed.
package scratchlist

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// maxEntries is how many notes a session has at most.
const maxEntries = 200

// DefaultLimits are what peers know.
var DefaultLimits = wire.ScratchlistLimits{
	MaxBytesPerFile: 10 << 20, MaxAttachmentsPerEntry: 4, MaxBytesPerEntry: 20 << 20, MaxBytesPerSession: 100 << 20,
	AllowedMimeTypes: []string{"image/jpeg", "image/png", "image/gif", "image/webp", "image/svg+xml", "application/pdf", "text/plain"},
}

// Refusals, as people's clients know them.
var (
	ErrEntryNotFound = &wire.Error{Kind: wire.NotFound, Text: "Scratchlist entry not found"}
	ErrAtCap         = &wire.Error{Kind: wire.Conflict, Text: "The scratchlist is full: at most 200 entries", Code: "scratchlist_at_cap"}
	ErrEntryEmpty    = &wire.Error{Kind: wire.Invalid, Text: "An entry needs text or attachments", Code: "scratchlist_entry_empty"}

	ErrAttachmentNotFound = &wire.Error{Kind: wire.NotFound, Text: "Attachment not found"}
	ErrAttachmentInUse    = &wire.Error{Kind: wire.Conflict, Text: "An entry still has this attachment", Code: "scratchlist_attachment_in_use"}
	ErrAttachmentInvalid  = &wire.Error{Kind: wire.Invalid, Text: "This is not a file of the session's scratchlist", Code: "scratchlist_attachment_invalid"}
	ErrTooManyAttachments = &wire.Error{Kind: wire.Invalid, Text: "Too many attachments for one entry", Code: "scratchlist_attachments_per_entry"}
	ErrFileTooLarge       = &wire.Error{Kind: wire.Invalid, Text: "The file is too large", Code: "scratchlist_attachment_too_large"}
	ErrMimeType           = &wire.Error{Kind: wire.Invalid, Text: "Files of this type cannot be attached", Code: "scratchlist_attachment_mime"}
	ErrEntryBytes         = &wire.Error{Kind: wire.Invalid, Text: "The attachments of the entry are too large together", Code: "scratchlist_attachments_entry_bytes"}
	ErrSessionBytes       = &wire.Error{Kind: wire.Invalid, Text: "The attachments of the session are too large together", Code: "scratchlist_attachments_session_bytes"}
)

// Sessions says who may use which session.
type Sessions interface {
	Access(ns wire.Namespace, id wire.SessionID) error
}

// Options of a Service.
type Options struct {
	Dir    string // where the files are; made with the first
	Limits wire.ScratchlistLimits
	Now    func() time.Time
	NewID  func() string
	Logger *slog.Logger
}

// Service keeps the notes of all sessions.
type Service struct {
	store    *store.Store
	sessions Sessions
	files    files
	limits   wire.ScratchlistLimits
	now      func() time.Time
	newID    func() string
	log      *slog.Logger

	// locks make changes of one session follow each other: what is checked still
	// holds when it is written. Sessions share them by hash.
	locks [64]sync.Mutex
	seed  maphash.Seed
}

// New makes a Service. A limit that is zero is the usual one.
func New(st *store.Store, sessions Sessions, o Options) *Service {
	s := &Service{
		store: st, sessions: sessions, files: files{dir: o.Dir}, limits: withDefaults(o.Limits),
		now: o.Now, newID: o.NewID, log: o.Logger, seed: maphash.MakeSeed(),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.newID == nil {
		s.newID = uuid.NewString
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

func withDefaults(l wire.ScratchlistLimits) wire.ScratchlistLimits {
	orDefault(&l.MaxBytesPerFile, DefaultLimits.MaxBytesPerFile)
	orDefault(&l.MaxAttachmentsPerEntry, DefaultLimits.MaxAttachmentsPerEntry)
	orDefault(&l.MaxBytesPerEntry, DefaultLimits.MaxBytesPerEntry)
	orDefault(&l.MaxBytesPerSession, DefaultLimits.MaxBytesPerSession)
	if len(l.AllowedMimeTypes) == 0 {
		l.AllowedMimeTypes = DefaultLimits.AllowedMimeTypes
	}
	return l
}

func orDefault[T int | int64](v *T, otherwise T) {
	if *v <= 0 {
		*v = otherwise
	}
}

// Limits say what may be attached.
func (s *Service) Limits() wire.ScratchlistLimits { return s.limits }

// Changed tells watchers to read a session's notes again.
func Changed(ns wire.Namespace, id wire.SessionID, at wire.Millis) (wire.Event, error) {
	return wire.SessionDataEvent(wire.SessionUpdated, ns, id, wire.SessionPatch{ScratchlistUpdatedAt: &at})
}

func (s *Service) lock(id wire.SessionID) (unlock func()) {
	l := &s.locks[maphash.String(s.seed, string(id))%uint64(len(s.locks))]
	l.Lock()
	return l.Unlock
}

// List is the notes of a session, the newest first.
func (s *Service) List(ctx context.Context, ns wire.Namespace, id wire.SessionID) ([]wire.ScratchlistEntry, error) {
	if err := s.sessions.Access(ns, id); err != nil {
		return nil, err
	}
	return s.store.Scratchlist(ctx, s.store.Reader(), id)
}

// Draft is what a person notes. What is nil is left as it is.
type Draft struct {
	EntryID     string // of a new note; empty for one of the hub's
	Text        *string
	Attachments *[]wire.Attachment
	CreatedAt   *wire.Millis
}

// Create adds a note. A known id gives the note that has it, unchanged, so that
// a request can be repeated.
func (s *Service) Create(ctx context.Context, ns wire.Namespace, id wire.SessionID, d Draft) (e wire.ScratchlistEntry, created bool, err error) {
	if err := s.sessions.Access(ns, id); err != nil {
		return e, false, err
	}
	defer s.lock(id)()
	entries, err := s.store.Scratchlist(ctx, s.store.Reader(), id)
	if err != nil {
		return e, false, err
	}
	if i := indexOf(entries, d.EntryID); i >= 0 {
		return entries[i], false, nil
	}
	if len(entries) >= maxEntries {
		return e, false, ErrAtCap
	}
	now := wire.At(s.now())
	e = wire.ScratchlistEntry{EntryID: d.EntryID, CreatedAt: now, UpdatedAt: now, Attachments: []wire.Attachment{}}
	if e.EntryID == "" {
		e.EntryID = s.newID()
	}
	if d.CreatedAt != nil {
		e.CreatedAt = *d.CreatedAt
	}
	if err := s.fill(ns, id, &e, d); err != nil {
		return e, false, err
	}
	return e, true, s.put(ctx, ns, id, &e)
}

// Update changes a note. Files that no note has any more are deleted.
func (s *Service) Update(ctx context.Context, ns wire.Namespace, id wire.SessionID, entry string, d Draft) (e wire.ScratchlistEntry, err error) {
	if err := s.sessions.Access(ns, id); err != nil {
		return e, err
	}
	defer s.lock(id)()
	entries, err := s.store.Scratchlist(ctx, s.store.Reader(), id)
	if err != nil {
		return e, err
	}
	i := indexOf(entries, entry)
	if i < 0 {
		return e, ErrEntryNotFound
	}
	e = entries[i]
	before := e.Attachments
	if err := s.fill(ns, id, &e, d); err != nil {
		return e, err
	}
	e.UpdatedAt = max(e.UpdatedAt, wire.At(s.now()))
	if err := s.put(ctx, ns, id, &e); err != nil {
		return e, err
	}
	entries[i] = e
	s.drop(ns, id, before, entries)
	return e, nil
}

// Delete removes a note, and its files unless another note has them.
func (s *Service) Delete(ctx context.Context, ns wire.Namespace, id wire.SessionID, entry string) error {
	if err := s.sessions.Access(ns, id); err != nil {
		return err
	}
	defer s.lock(id)()
	entries, err := s.store.Scratchlist(ctx, s.store.Reader(), id)
	if err != nil {
		return err
	}
	i := indexOf(entries, entry)
	if i < 0 {
		return ErrEntryNotFound
	}
	now := wire.At(s.now())
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		if err := s.announce(tx, ns, id, now); err != nil {
			return err
		}
		return s.store.DeleteScratchlistEntry(ctx, tx, id, entry, now)
	})
	if err != nil {
		return gone(err)
	}
	removed := entries[i].Attachments
	s.drop(ns, id, removed, slices.Delete(entries, i, i+1))
	return nil
}

func indexOf(entries []wire.ScratchlistEntry, id string) int {
	return slices.IndexFunc(entries, func(e wire.ScratchlistEntry) bool { return e.EntryID == id })
}

// fill lays a draft over e and checks the outcome.
func (s *Service) fill(ns wire.Namespace, id wire.SessionID, e *wire.ScratchlistEntry, d Draft) error {
	if d.Text != nil {
		e.Text = strings.TrimSpace(*d.Text)
	}
	if d.Attachments != nil {
		resolved, err := s.resolve(ns, id, *d.Attachments)
		if err != nil {
			return err
		}
		e.Attachments = resolved
	}
	if e.Text == "" && len(e.Attachments) == 0 {
		return ErrEntryEmpty
	}
	return nil
}

func (s *Service) put(ctx context.Context, ns wire.Namespace, id wire.SessionID, e *wire.ScratchlistEntry) error {
	return gone(s.store.Write(ctx, func(tx *store.Tx) error {
		if err := s.announce(tx, ns, id, e.UpdatedAt); err != nil {
			return err
		}
		return s.store.PutScratchlistEntry(ctx, tx, id, e)
	}))
}

func (s *Service) announce(tx *store.Tx, ns wire.Namespace, id wire.SessionID, at wire.Millis) error {
	event, err := Changed(ns, id, at)
	if err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	tx.Announce(event)
	return nil
}

// gone says that the session was deleted meanwhile as everybody does.
func gone(err error) error {
	if errors.Is(err, store.ErrNoSession) {
		return wire.ErrSessionNotFound
	}
	return err
}
