// Package store keeps what the hub must not lose: sessions, machines, messages
// and what was deleted, in SQLite.
//
// All writes go through one goroutine (Run) that commits many callers' jobs in
// one transaction. The promise: a job's Done is called with nil only after its
// commit is durable; events are announced after the commit and before Done, in
// commit order. Reads go through a pool of their own and see committed rows.
package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver

	"hapi/internal/wire"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options of a Store. The zero value works.
type Options struct {
	// Announce is called on the writer goroutine after each commit, once per job
	// that changed something or has events, in commit order. change is the highest
	// change number that is committed when the last of the events is told.
	Announce func(change int64, events []wire.Event)
	// Committed is told of every transaction, how many jobs shared it and how long
	// it took. May be nil.
	Committed func(jobs int, took time.Duration, err error)
	Logger    *slog.Logger
	Queue     int // jobs that may wait for the writer before callers wait; default 4096
	MaxBatch  int // jobs that share one commit at most; default 512
}

// Store is an open database. It needs Run to accept writes.
type Store struct {
	path     string
	log      *slog.Logger
	announce func(int64, []wire.Event)
	measure  func(jobs int, took time.Duration, err error)
	maxBatch int

	writer  *sql.DB // one connection, used by Run alone
	readers *sql.DB
	queue   chan Job
	stopped chan struct{} // closed when Run has returned

	reader    *statements
	committed atomic.Int64
	hubID     string

	keys   sync.Map // wire.SessionID -> int64, the session's key
	closed sync.Once
}

// Open opens the database at path, creating it with mode 0600 in a directory
// with mode 0700, and brings its schema up to date.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	if err := prepareFile(path); err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	s := &Store{
		path:     path,
		log:      o.Logger,
		announce: o.Announce,
		measure:  o.Committed,
		maxBatch: positive(o.MaxBatch, 512),
		queue:    make(chan Job, positive(o.Queue, 4096)),
		stopped:  make(chan struct{}),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.measure == nil {
		s.measure = func(int, time.Duration, error) {}
	}
	if s.announce == nil {
		s.announce = func(int64, []wire.Event) {}
	}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, explain(err)), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	var err error
	if s.writer, err = sql.Open("sqlite", dsn(s.path, "rwc")); err != nil {
		return err
	}
	s.writer.SetMaxOpenConns(1)
	if err := s.refuseReference(ctx); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if err := s.loadMeta(ctx); err != nil {
		return err
	}
	if s.readers, err = sql.Open("sqlite", dsn(s.path, "ro")); err != nil {
		return err
	}
	s.readers.SetMaxOpenConns(8)
	s.readers.SetMaxIdleConns(8)
	s.reader = newStatements(s.readers)
	return nil
}

// Close closes the database. Run must have returned, or never have been called.
func (s *Store) Close() error {
	var err error
	s.closed.Do(func() {
		if s.reader != nil {
			err = errors.Join(err, s.reader.close())
		}
		if s.readers != nil {
			err = errors.Join(err, s.readers.Close())
		}
		if s.writer != nil {
			err = errors.Join(err, s.writer.Close())
		}
	})
	return err
}

// Path is the database file.
func (s *Store) Path() string { return s.path }

// HubID names this database for ever; event cursors carry it.
func (s *Store) HubID() string { return s.hubID }

// LastChange is the highest committed change number.
func (s *Store) LastChange() int64 { return s.committed.Load() }

// Waiting is how many jobs wait for the writer.
func (s *Store) Waiting() int { return len(s.queue) }

// Reader runs queries on committed rows.
func (s *Store) Reader() Querier { return s.reader }

func prepareFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("%w (%w)", ErrReadOnly, err)
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	if err := f.Chmod(0o600); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return checkHeader(f)
}

var errNotADatabase = errors.New("the file is not a SQLite database; move it away or restore a backup")

func checkHeader(f *os.File) error {
	head := make([]byte, 16)
	n, err := io.ReadFull(f, head)
	if n == 0 && errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil || string(head) != "SQLite format 3\x00" {
		return errNotADatabase
	}
	return nil
}

func dsn(path, mode string) string {
	q := url.Values{"mode": {mode}, "_txlock": {"immediate"}}
	for _, p := range []string{"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(5000)", "foreign_keys(1)", "temp_store(MEMORY)", "cache_size(-8000)"} {
		if mode == "ro" && strings.HasPrefix(p, "journal_mode") {
			continue
		}
		q.Add("_pragma", p)
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// refuseReference keeps our tables out of a database that has others.
func (s *Store) refuseReference(ctx context.Context) error {
	var sessions, migrated int
	err := s.writer.QueryRowContext(ctx, `
		SELECT count(*) FILTER (WHERE name = 'sessions'), count(*) FILTER (WHERE name = 'goose_db_version')
		FROM sqlite_schema WHERE type = 'table'`).Scan(&sessions, &migrated)
	if err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	if sessions > 0 && migrated == 0 {
		return ErrReference
	}
	return nil
}

func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, s.writer, files)
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema version: %w", err)
	}
	if current > target {
		return fmt.Errorf("the database has schema %d, this program knows up to %d: use the newer hapi that wrote it", current, target)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

func (s *Store) loadMeta(ctx context.Context) error {
	if _, err := s.writer.ExecContext(ctx,
		`INSERT INTO meta (name, value) VALUES ('hub_id', $1), ('change', '0') ON CONFLICT (name) DO NOTHING`, newHubID()); err != nil {
		return fmt.Errorf("write meta: %w", err)
	}
	var change string
	row := s.writer.QueryRowContext(ctx, `SELECT (SELECT value FROM meta WHERE name = 'hub_id'), (SELECT value FROM meta WHERE name = 'change')`)
	if err := row.Scan(&s.hubID, &change); err != nil {
		return fmt.Errorf("read meta: %w", err)
	}
	n, err := strconv.ParseInt(change, 10, 64)
	if err != nil {
		return fmt.Errorf("read the change counter: %w", err)
	}
	s.committed.Store(n)
	return nil
}

// Meta reads a fact about the database as a whole.
func (s *Store) Meta(ctx context.Context, name string) (value string, ok bool, err error) {
	err = s.reader.QueryRow(ctx, `SELECT value FROM meta WHERE name = $1`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return value, err == nil, explain(err)
}

// SetMeta notes a fact about the database as a whole.
func (tx *Tx) SetMeta(ctx context.Context, name, value string) error {
	_, err := tx.Exec(ctx, `INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2`, name, value)
	if err != nil {
		return fmt.Errorf("note %s: %w", name, err)
	}
	return nil
}

func newHubID() string {
	b := make([]byte, 5)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return strings.ToLower(base32.HexEncoding.EncodeToString(b))
}

func positive(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}
