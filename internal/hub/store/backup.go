package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Backup copies the database at path to a new file, as it is at one moment,
// also while a hub works with it. The copy is complete when it appears: it is
// made under another name first.
func Backup(ctx context.Context, path, file string) (err error) {
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s exists already; choose another name", file), err)
	}
	db, err := openReadOnly(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	partial, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*") // readable by its owner alone
	if err != nil {
		return fmt.Errorf("make the backup file: %w", err)
	}
	defer func() { _ = os.Remove(partial.Name()) }() // once it has its name, there is nothing to remove
	if _, err := db.ExecContext(ctx, `VACUUM INTO $1`, partial.Name()); err != nil {
		return errors.Join(fmt.Errorf("copy the database: %w", explain(err)), partial.Close())
	}
	if err := errors.Join(partial.Sync(), partial.Close()); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	if err := os.Link(partial.Name(), file); err != nil { // never over a file that appeared meanwhile
		return fmt.Errorf("name the backup: %w", err)
	}
	return nil
}

// openReadOnly opens an existing database beside whoever else works with it.
func openReadOnly(ctx context.Context, path string) (*sql.DB, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	err = errors.Join(checkHeader(f), f.Close())
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", path, err)
	}
	db, err := sql.Open("sqlite", dsn(path, "ro"))
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", path, err)
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database %s: %w", path, explain(err)), db.Close())
	}
	return db, nil
}
