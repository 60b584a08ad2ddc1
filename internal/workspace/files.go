package workspace

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"hapi/internal/wire"
)

const (
	// maxFile is the largest file that is read: in base64 it must fit into the
	// 48 MiB that a hub takes in one message.
	maxFile = 32 << 20
	// maxEntries is how many entries of a directory are listed.
	maxEntries = 10_000
	// maxStats is how many files one call may ask about.
	maxStats = 500
)

func (w *Workspace) readFile(_ context.Context, in wire.PathParams) (wire.FileContent, error) {
	var out wire.FileContent
	rel, err := w.local(in.Path)
	if err != nil {
		return out, err
	}
	info, err := w.root.Stat(rel)
	if err == nil {
		err = readable(in.Path, info)
	}
	if err != nil {
		return out, explain(in.Path, err)
	}
	// A pipe may have taken its place meanwhile: that would wait for its writer.
	f, err := w.root.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return out, explain(in.Path, err)
	}
	defer f.Close() //nolint:errcheck // it was read
	if info, err = f.Stat(); err != nil {
		return out, explain(in.Path, err)
	}
	if err := readable(in.Path, info); err != nil {
		return out, err
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1)) // it may grow meanwhile
	if err != nil {
		return out, explain(in.Path, err)
	}
	if len(raw) > maxFile {
		return out, tooLarge(in.Path, int64(len(raw)))
	}
	return wire.FileContent{
		Success: true, Content: base64.StdEncoding.EncodeToString(raw), Size: int64(len(raw)), Modified: wire.At(info.ModTime()),
	}, nil
}

// readable says why a file is not read: reading a pipe or a device may never end.
func readable(path string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return fmt.Errorf("%s is a directory", path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	case info.Size() > maxFile:
		return tooLarge(path, info.Size())
	}
	return nil
}

func tooLarge(path string, size int64) error {
	return fmt.Errorf("%s is too large to show (%d MB, at most %d MB)", path, (size+1<<20-1)>>20, maxFile>>20)
}

func (w *Workspace) listDirectory(_ context.Context, in wire.PathParams) (wire.Directory, error) {
	rel, err := w.local(in.Path)
	if err != nil {
		return wire.Directory{}, err
	}
	d, err := w.root.Open(rel)
	if err != nil {
		return wire.Directory{}, explain(in.Path, err)
	}
	defer d.Close() //nolint:errcheck // it was read
	return List(d, func(name string) (fs.FileInfo, error) { return w.root.Lstat(filepath.Join(rel, name)) })
}

// Directory is an opened directory.
type Directory interface {
	ReadDir(n int) ([]fs.DirEntry, error)
}

// List gives the entries of a directory, directories first. Links are not
// followed. lstat looks at an entry.
func List(d Directory, lstat func(name string) (fs.FileInfo, error)) (wire.Directory, error) {
	names, err := d.ReadDir(maxEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return wire.Directory{}, explain("The directory", err)
	}
	out := wire.Directory{Success: true, Entries: []wire.DirectoryEntry{}}
	if len(names) > maxEntries {
		names, out.Truncated = names[:maxEntries], true
	}
	for _, entry := range names {
		out.Entries = append(out.Entries, describe(entry, lstat))
	}
	slices.SortFunc(out.Entries, func(a, b wire.DirectoryEntry) int {
		if x, y := a.Type == wire.EntryDirectory, b.Type == wire.EntryDirectory; x != y {
			if x {
				return -1
			}
			return 1
		}
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.Name, b.Name))
	})
	return out, nil
}

func describe(entry fs.DirEntry, lstat func(string) (fs.FileInfo, error)) wire.DirectoryEntry {
	out := wire.DirectoryEntry{Name: entry.Name(), Type: wire.EntryOther}
	switch {
	case entry.IsDir():
		out.Type = wire.EntryDirectory
	case entry.Type().IsRegular():
		out.Type = wire.EntryFile
	default:
		return out
	}
	if info, err := lstat(entry.Name()); err == nil {
		size, modified := info.Size(), wire.At(info.ModTime())
		out.Size, out.Modified = &size, &modified
	}
	return out
}

func (w *Workspace) statFiles(_ context.Context, in wire.StatParams) (wire.FileStats, error) {
	if len(in.Paths) > maxStats {
		return wire.FileStats{}, errors.New("Invalid file paths")
	}
	out := wire.FileStats{Success: true, Entries: []wire.FileStat{}}
	for _, path := range in.Paths {
		rel, err := w.local(path)
		if err != nil {
			return wire.FileStats{}, err
		}
		entry := wire.FileStat{Path: path}
		if info, err := w.root.Stat(rel); err == nil {
			size, modified := info.Size(), wire.At(info.ModTime())
			entry.Size, entry.Modified = &size, &modified
		}
		out.Entries = append(out.Entries, entry)
	}
	return out, nil
}
