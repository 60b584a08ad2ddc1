package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Size is how many bytes the database takes on disk.
type Size struct {
	Database, WAL, SharedMemory int64
}

// Size measures the database's files. Those beside it may be absent.
func (s *Store) Size() (Size, error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return Size{}, fmt.Errorf("measure the database: %w", err)
	}
	size := Size{Database: info.Size()}
	for suffix, bytes := range map[string]*int64{"-wal": &size.WAL, "-shm": &size.SharedMemory} {
		info, err := os.Stat(s.path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Size{}, fmt.Errorf("measure the database: %w", err)
		}
		*bytes = info.Size()
	}
	return size, nil
}
