package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// readConnections bounds how many reads run at once; more wait their turn.
const readConnections = 8

// Open opens the database at path, which it creates readable for its owner
// alone, and brings its schema up to date. It refuses one that a newer hapi wrote.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	o = o.withDefaults()
	s := &Store{path: path, opt: o, queue: newQueue(o.Queue)}
	if err := s.open(ctx); err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, errors.Join(explain(err), s.abandon()))
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) (err error) {
	if err := createFile(s.path); err != nil {
		return err
	}
	if s.writers, err = connect(s.path, "synchronous(FULL)", "cache_size(-8192)", "journal_size_limit(67108864)"); err != nil {
		return err
	}
	s.writers.SetMaxOpenConns(1)
	if err := migrate(ctx, s.writers); err != nil {
		return err
	}
	if s.conn, err = s.writers.Conn(ctx); err != nil {
		return err
	}
	s.writer = newStatements(s.conn)
	if s.readers, err = connect(s.path, "query_only(1)"); err != nil {
		return err
	}
	s.readers.SetMaxOpenConns(readConnections)
	s.readers.SetMaxIdleConns(readConnections)
	s.reader = newStatements(s.readers)
	return s.loadMeta(ctx)
}

// abandon closes what a failed open had opened.
func (s *Store) abandon() error {
	var errs []error
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	for _, db := range []*sql.DB{s.writers, s.readers} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// createFile makes the file before SQLite does, so that nobody else can read it.
func createFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func connect(path string, pragmas ...string) (*sql.DB, error) {
	pragmas = append([]string{"busy_timeout(5000)", "journal_mode(WAL)", "foreign_keys(1)"}, pragmas...)
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + url.Values{"_pragma": pragmas}.Encode()
	return sql.Open("sqlite", dsn)
}

func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	current, known, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > known {
		return fmt.Errorf("%w: its schema is %d, this hapi knows %d; install the newer hapi again", ErrNewerSchema, current, known)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// loadMeta reads the hub's id, which it makes in a new database, and the
// change counter.
func (s *Store) loadMeta(ctx context.Context) error {
	fresh := strings.ToLower(rand.Text()[:8])
	if _, err := s.writer.ExecContext(ctx, `
		INSERT INTO meta (key, value) VALUES ('hub_id', $1)
		ON CONFLICT (key) DO NOTHING`, fresh); err != nil {
		return err
	}
	row := s.writer.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'hub_id'`)
	if err := row.Scan(&s.hubID); err != nil {
		return fmt.Errorf("read hub id: %w", err)
	}
	var change int64
	row = s.writer.QueryRowContext(ctx, `SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'change'`)
	if err := row.Scan(&change); err != nil {
		return fmt.Errorf("read change counter: %w", err)
	}
	s.change.Store(change)
	return nil
}
