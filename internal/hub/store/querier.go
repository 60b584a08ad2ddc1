package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"hapi/internal/wire"
)

// Querier is a transaction or the pool of readers: the caller decides what is
// atomic. Statements are prepared once.
type Querier interface {
	Exec(ctx context.Context, query string, args ...any) (sql.Result, error)
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) *sql.Row
}

type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// statements prepares each text once. The texts are constants of this package,
// so there are few.
type statements struct {
	on   preparer
	mu   sync.RWMutex
	byID map[string]*sql.Stmt
}

func newStatements(on preparer) *statements {
	return &statements{on: on, byID: map[string]*sql.Stmt{}}
}

func (s *statements) prepare(query string) (*sql.Stmt, error) {
	s.mu.RLock()
	stmt := s.byID[query]
	s.mu.RUnlock()
	if stmt != nil {
		return stmt, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt := s.byID[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.on.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	s.byID[query] = stmt
	return stmt, nil
}

// A context that can end costs the driver a goroutine per statement; the
// statements here are short, so they run to their end.

func (s *statements) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := s.prepare(query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(context.WithoutCancel(ctx), args...)
}

func (s *statements) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := s.prepare(query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(context.WithoutCancel(ctx), args...)
}

func (s *statements) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	stmt, err := s.prepare(query)
	if err != nil { // let the row carry the error
		return s.on.QueryRowContext(context.WithoutCancel(ctx), query, args...)
	}
	return stmt.QueryRowContext(context.WithoutCancel(ctx), args...)
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for _, stmt := range s.byID {
		err = errors.Join(err, stmt.Close())
	}
	clear(s.byID)
	return err
}

// collect reads all rows through the addresses that fields gives for one T.
func collect[T any](rows *sql.Rows, err error, fields func(*T) []any) ([]T, error) {
	if err != nil {
		return nil, explain(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err says what went wrong
	var out []T
	for rows.Next() {
		out = append(out, *new(T))
		if err := rows.Scan(fields(&out[len(out)-1])...); err != nil {
			return nil, err
		}
	}
	return out, explain(rows.Err())
}

// Errors of the database that a person can do something about.
var (
	ErrBusy     = errors.New("the database is locked by another process; stop the other program that uses it")
	ErrReadOnly = errors.New("the database is read-only; check the file's owner and permissions")
	ErrFull     = errors.New("the disk is full; free some space")
	ErrCorrupt  = errors.New("the database is damaged; restore a backup")
	ErrIO       = errors.New("the database cannot be read or written; look at the disk and at limits of file sizes")
)

// failures are what peers are told of them. All may pass once somebody has
// seen to it, so what was asked can be asked again.
var failures = []struct {
	err   error
	shown *wire.Error
}{
	{ErrFull, &wire.Error{Kind: wire.Unavailable, Code: "storage_full", Text: "The hub's disk is full. Nothing was changed; free some space and try again"}},
	{ErrReadOnly, &wire.Error{Kind: wire.Unavailable, Code: "storage_read_only", Text: "The hub's database cannot be written. Nothing was changed; its owner has to look at the file's permissions"}},
	{ErrBusy, &wire.Error{Kind: wire.Unavailable, Code: "storage_busy", Text: "Another program holds the hub's database. Nothing was changed; try again"}},
	{ErrCorrupt, &wire.Error{Kind: wire.Unavailable, Code: "storage_damaged", Text: "The hub's database is damaged; its owner has to restore a backup"}},
	{ErrIO, &wire.Error{Kind: wire.Unavailable, Code: "storage_failed", Text: "The hub's disk does not work as it should. Nothing was changed; its owner has to look at it"}},
}

// Shown is what a peer may see of a failure of the database; ok says that err
// is one.
func Shown(err error) (shown *wire.Error, ok bool) {
	for _, f := range failures {
		if errors.Is(err, f.err) {
			return f.shown, true
		}
	}
	return nil, false
}

// explain adds what to do to the errors that are told apart by the driver's
// code. It is the one place that knows the driver's errors.
func explain(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%w (%w)", ErrBusy, err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return fmt.Errorf("%w (%w)", ErrReadOnly, err)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w (%w)", ErrFull, err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w (%w)", ErrCorrupt, err)
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN:
		return fmt.Errorf("%w (%w)", ErrIO, err)
	}
	return err
}
