package store

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What can be wrong with a database. Match with errors.Is; the texts say what
// a person can do.
var (
	ErrStopped     = errors.New("the store has stopped")
	ErrNewerSchema = errors.New("the database was written by a newer hapi")
	ErrDamaged     = errors.New("the file is damaged or not a hapi database; restore it from a backup, or move it away to start with an empty one")
	ErrLocked      = errors.New("another process holds the database; stop the other hub that uses this file")
	ErrReadOnly    = errors.New("the database cannot be written; check the owner and the permissions of the file and its directory")
	ErrDiskFull    = errors.New("the disk is full; free some space, nothing that was acknowledged is lost")
)

// explain puts one of the errors above before a driver error, by its code.
func explain(err error) error {
	var driver *sqlite.Error
	if !errors.As(err, &driver) {
		return err
	}
	switch driver.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w (%w)", ErrDamaged, err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%w (%w)", ErrLocked, err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("%w (%w)", ErrReadOnly, err)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w (%w)", ErrDiskFull, err)
	}
	return err
}
