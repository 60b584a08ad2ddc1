package scratchlist

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"hapi/internal/wire"
)

// files are below dir as <namespace>/<session>/<uuid>-<name>. They are reached
// through a root handle: no name leads out of it.
type files struct{ dir string }

// file is one of a session's files on disk.
type file struct {
	id       string // a UUID
	filename string
	size     int64
	modified time.Time
}

func (f file) name() string { return f.id + "-" + f.filename }

// pathPrefix marks paths on the hub: no session process can read them.
const pathPrefix = "hapi-hub:scratchlist/"

// path is how clients name the file.
func (f file) path(ns wire.Namespace, id wire.SessionID) string {
	return pathPrefix + segment(string(ns)) + "/" + segment(string(id)) + "/" + f.name()
}

func (f file) attachment(ns wire.Namespace, id wire.SessionID, mimeType string) wire.Attachment {
	return wire.Attachment{ID: f.id, Filename: f.filename, MimeType: mimeType, Size: f.size, Path: f.path(ns, id)}
}

func place(ns wire.Namespace, id wire.SessionID) string {
	return filepath.Join(segment(string(ns)), segment(string(id)))
}

// open opens the root; the directory is made if create is set.
func (f files) open(create bool) (*os.Root, error) {
	if create {
		if err := os.MkdirAll(f.dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the directory for notes' files: %w", err)
		}
	}
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return nil, fmt.Errorf("open the directory of notes' files: %w", err)
	}
	return root, nil
}

// list is the files of a session. Names that are not ours are left out.
func (f files) list(ns wire.Namespace, id wire.SessionID) ([]file, error) {
	root, err := f.open(false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // nothing is written through it
	entries, err := fs.ReadDir(root.FS(), filepath.ToSlash(place(ns, id)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list notes' files: %w", err)
	}
	var list []file
	for _, entry := range entries {
		info, err := entry.Info()
		name := entry.Name()
		if err != nil || !info.Mode().IsRegular() || len(name) <= uuidLen+1 || name[uuidLen] != '-' || !fullUUID(name[:uuidLen]) {
			continue
		}
		list = append(list, file{id: name[:uuidLen], filename: name[uuidLen+1:], size: info.Size(), modified: info.ModTime()})
	}
	return list, nil
}

const uuidLen = 36

// write keeps a new file; it is on disk when write returns.
func (f files) write(ns wire.Namespace, id wire.SessionID, newID, filename string, content []byte) (file, error) {
	root, err := f.open(true)
	if err != nil {
		return file{}, err
	}
	defer root.Close() //nolint:errcheck // the file is closed by itself
	made := file{id: newID, filename: safeName(filename), size: int64(len(content))}
	if err := root.MkdirAll(place(ns, id), 0o700); err != nil {
		return file{}, fmt.Errorf("keep a note's file: %w", err)
	}
	name := filepath.Join(place(ns, id), made.name())
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return file{}, fmt.Errorf("keep a note's file: %w", err)
	}
	_, err = out.Write(content)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return file{}, fmt.Errorf("keep a note's file: %w", errors.Join(err, root.Remove(name)))
	}
	return made, nil
}

func (f files) read(ns wire.Namespace, id wire.SessionID, name string) ([]byte, error) {
	root, err := f.open(false)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // nothing is written through it
	raw, err := root.ReadFile(filepath.Join(place(ns, id), name))
	if err != nil {
		return nil, fmt.Errorf("read a note's file: %w", err)
	}
	return raw, nil
}

// remove deletes a file; one that is gone is no failure.
func (f files) remove(ns wire.Namespace, id wire.SessionID, name string) error {
	return f.with(func(root *os.Root) error { return root.Remove(filepath.Join(place(ns, id), name)) })
}

func (f files) removeAll(ns wire.Namespace, id wire.SessionID) error {
	return f.with(func(root *os.Root) error { return root.RemoveAll(place(ns, id)) })
}

// owner is a session that has files; its namespace is as the directory is called.
type owner struct {
	ns      wire.Namespace
	session wire.SessionID
}

func (f files) owners() ([]owner, error) {
	root, err := f.open(false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // nothing is written through it
	dirs, err := fs.Glob(root.FS(), "*/*")
	if err != nil {
		return nil, fmt.Errorf("list notes' files: %w", err)
	}
	var owners []owner
	for _, dir := range dirs {
		ns, session, _ := strings.Cut(dir, "/")
		owners = append(owners, owner{wire.Namespace(ns), wire.SessionID(session)})
	}
	return owners, nil
}

func (f files) with(do func(*os.Root) error) error {
	root, err := f.open(false)
	if err == nil {
		err = errors.Join(do(root), root.Close())
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete notes' files: %w", err)
	}
	return nil
}

// segment is s as one part of a path.
func segment(s string) string {
	s = strings.NewReplacer("/", "_", `\`, "_", "..", "_", "\x00", "_").Replace(s)
	if s = clip(s, 128); s == "" || s == "." {
		return "_"
	}
	return s
}

// maxName leaves room for the id before it.
const maxName = 255 - uuidLen - 1

// safeName is a name without what file systems, headers or prompts take for
// something else.
func safeName(name string) string {
	name = strings.NewReplacer("/", "_", `\`, "_", "..", "_").Replace(name)
	name = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.IsSpace(r) || strings.ContainsRune("\"'`", r) {
			return '_'
		}
		return r
	}, name)
	if name = clip(name, maxName); strings.Trim(name, "._") == "" {
		return "upload"
	}
	return name
}

// clip shortens s to most bytes and whole runes.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	s = s[:most]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}
