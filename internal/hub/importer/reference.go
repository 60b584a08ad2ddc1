package importer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver
)

// The schemas of HAPI's hub that are understood.
const (
	oldestSchema = 20
	newestSchema = 25
)

// reference is the database of a HAPI hub, opened so that nothing in it can
// change.
type reference struct {
	db     *sql.DB
	path   string
	schema int
	// columns are those that each table has: they came one by one.
	columns map[string]map[string]bool
}

// openReference opens the database at path, or in the directory at path.
func openReference(ctx context.Context, path string) (*reference, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("find HAPI's database: %w", err)
	} else if info.IsDir() {
		path = filepath.Join(path, "hapi.db")
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("find HAPI's database: %w", err)
	}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "mode=ro&_pragma=query_only(1)&_pragma=busy_timeout(5000)"}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	r := &reference{db: db, path: path, columns: map[string]map[string]bool{}}
	if err := r.inspect(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	return r, nil
}

func (r *reference) inspect(ctx context.Context) error {
	if err := r.db.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&r.schema); err != nil {
		return fmt.Errorf("it cannot be read as a SQLite database: %w", err)
	}
	rows, err := r.db.QueryContext(ctx, `SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'`)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // rows.Err says what went wrong
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			return err
		}
		if r.columns[table] == nil {
			r.columns[table] = map[string]bool{}
		}
		r.columns[table][column] = true
	}
	if err := rows.Err(); err != nil {
		return err
	}
	switch {
	case r.columns["goose_db_version"] != nil:
		return errors.New("it is a database of this hub already; there is nothing to import")
	case r.columns["sessions"] == nil || r.columns["messages"] == nil:
		return errors.New("it is not a database of a HAPI hub")
	case r.schema < oldestSchema:
		return fmt.Errorf("its schema is %d; start the newest HAPI hub on it once, which brings it to %d", r.schema, newestSchema)
	case r.schema > newestSchema:
		return fmt.Errorf("its schema is %d; this program knows up to %d: use a newer one", r.schema, newestSchema)
	}
	return nil
}

func (r *reference) close() error { return r.db.Close() }

// choose is a query for columns of a table, in their order; a column that this
// schema lacks is what otherwise says.
func (r *reference) choose(table, rest string, columns ...[2]string) string {
	var list []string
	for _, c := range columns {
		if r.columns[table][c[0]] {
			list = append(list, c[0])
		} else {
			list = append(list, c[1])
		}
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM " + table + " " + rest
}

// count is how many rows a table has; none if there is no such table.
func (r *reference) count(ctx context.Context, table string) (n int64, err error) {
	if r.columns[table] == nil {
		return 0, nil
	}
	err = r.db.QueryRowContext(ctx, `SELECT count(*) FROM `+table).Scan(&n) // names are our own
	return n, err
}

// IsReference says whether the file at path is a database of a HAPI hub.
func IsReference(ctx context.Context, path string) bool {
	r, err := openReference(ctx, path)
	if err != nil {
		return false
	}
	_ = r.close() // nothing was written
	return true
}
