package store

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Report is what Check found.
type Report struct {
	Path   string
	Schema int64
	Bytes  int64 // of the database file
	Wal    int64 // of what is not in it yet
	Tables []TableSize
	// Problems are sentences; none means that all is well.
	Problems []string
}

// TableSize is how much a table holds.
type TableSize struct {
	Name string
	Rows int64
}

// orphans are rows that belong to nothing, by what a person calls them.
var orphans = []struct{ what, query string }{
	{"messages without their session", `SELECT count(*) FROM messages m WHERE NOT EXISTS (SELECT 1 FROM sessions s WHERE s.key = m.session_key)`},
	{"notes without their session", `SELECT count(*) FROM scratchlist n WHERE NOT EXISTS (SELECT 1 FROM sessions s WHERE s.key = n.session_key)`},
	{"former ids that lead nowhere", `SELECT count(*) FROM aliases a WHERE NOT EXISTS (SELECT 1 FROM sessions s WHERE s.id = a.target)`},
	{"messages with a change number from the future", `SELECT count(*) FROM messages WHERE change > (SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'change')`},
}

// Check looks for damage in the database at path, also while a hub works with
// it. An error says that it could not look.
func Check(ctx context.Context, path string) (r Report, err error) {
	db, err := openReadOnly(ctx, path)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	r = Report{Path: path, Bytes: size(path), Wal: size(path + "-wal")}
	q := newStatements(db)
	defer func() { err = errors.Join(err, q.close()) }()
	rows, err := q.Query(ctx, `PRAGMA integrity_check`)
	lines, err := collect(rows, err, func(s *string) []any { return []any{s} })
	if err != nil {
		return r, fmt.Errorf("check the integrity: %w", err)
	}
	for _, line := range lines {
		if line != "ok" {
			r.Problems = append(r.Problems, "damaged: "+line)
		}
	}
	if err := q.QueryRow(ctx, `SELECT max(version_id) FROM goose_db_version`).Scan(&r.Schema); err != nil {
		return r, fmt.Errorf("read the schema version: %w", explain(err))
	}
	for _, o := range orphans {
		var n int64
		if err := q.QueryRow(ctx, o.query).Scan(&n); err != nil {
			return r, fmt.Errorf("look for %s: %w", o.what, explain(err))
		}
		if n > 0 {
			r.Problems = append(r.Problems, fmt.Sprintf("%d %s", n, o.what))
		}
	}
	return r, r.measure(ctx, q)
}

func (r *Report) measure(ctx context.Context, q *statements) error {
	rows, err := q.Query(ctx, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose_%' ORDER BY name`)
	names, err := collect(rows, err, func(s *string) []any { return []any{s} })
	if err != nil {
		return fmt.Errorf("list the tables: %w", err)
	}
	for _, name := range names {
		t := TableSize{Name: name}
		if err := q.QueryRow(ctx, `SELECT count(*) FROM "`+name+`"`).Scan(&t.Rows); err != nil { // a name of our own schema
			return fmt.Errorf("count the rows of %s: %w", name, explain(err))
		}
		r.Tables = append(r.Tables, t)
	}
	return nil
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0 // there is none
	}
	return info.Size()
}
