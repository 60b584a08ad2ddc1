// Package media keeps the images and files that an agent shows its people,
// while the session's process lives.
package media

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/gabriel-vasile/mimetype"
)

// Limits of a Store.
const (
	MaxSize  = 25 << 20
	maxItems = 100
	maxTotal = 100 << 20
)

// Kind is what a file has to be.
type Kind int

// The kinds.
const (
	Image Kind = iota
	Video
	Any
)

// types are what counts as an image or a video, by content.
var types = map[Kind][]string{
	Image: {"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"},
	Video: {"video/mp4", "video/webm"},
}

// Item is a file as it was shown.
type Item struct {
	ID       string // the fingerprint of all of it
	FileName string
	MIMEType string
	Content  []byte
}

// Store keeps the latest items. The zero value is ready.
type Store struct {
	mu    sync.Mutex
	items []*Item // the oldest first
	total int
}

// Read takes a file in. Its content decides what it is; title names it, or its
// own name does.
func (s *Store) Read(path, title string, kind Kind) (*Item, error) {
	content, err := read(path)
	if err != nil {
		return nil, err
	}
	i := &Item{FileName: fileName(path, title), MIMEType: typeOf(content), Content: content}
	if kind != Any && !slices.Contains(types[kind], i.MIMEType) {
		return nil, fmt.Errorf("%s is not %s (it looks like %s)", filepath.Base(path), map[Kind]string{
			Image: "a PNG, JPEG, GIF, WebP or AVIF image", Video: "an MP4 or WebM video",
		}[kind], i.MIMEType)
	}
	s.add(i)
	return i, nil
}

// Add takes content in, whatever it is, that has no file. It is named after what
// it is.
func (s *Store) Add(content []byte) (*Item, error) {
	switch {
	case len(content) == 0:
		return nil, errors.New("it is empty")
	case len(content) > MaxSize:
		return nil, fmt.Errorf("it has %d bytes; at most %d can be shown", len(content), MaxSize)
	}
	i := &Item{MIMEType: typeOf(content), Content: content}
	name, _, _ := strings.Cut(i.MIMEType, "/")
	if name != "image" && name != "audio" && name != "video" {
		name = "file"
	}
	i.FileName = name + mimetype.Detect(content).Extension()
	s.add(i)
	return i, nil
}

// add gives an item its fingerprint and keeps it.
func (s *Store) add(i *Item) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\x00%s\x00", i.FileName, i.MIMEType)
	sum.Write(i.Content)
	i.ID = hex.EncodeToString(sum.Sum(nil))
	s.keep(i)
}

// Get is an item, or nil.
func (s *Store) Get(id string) *Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.items {
		if i.ID == id {
			return i
		}
	}
	return nil
}

func (s *Store) keep(i *Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, known := range s.items {
		if known.ID == i.ID {
			s.items = append(append(s.items[:n:n], s.items[n+1:]...), known)
			return
		}
	}
	s.items = append(s.items, i)
	s.total += len(i.Content)
	for len(s.items) > maxItems || s.total > maxTotal {
		s.total -= len(s.items[0].Content)
		s.items = s.items[1:]
	}
}

// read reads a regular file through one descriptor: it is the same one whose kind
// and size were looked at.
func read(path string) ([]byte, error) {
	if !filepath.IsAbs(path) {
		return nil, errors.New("the path must be absolute")
	}
	info, err := os.Stat(path) // to open a device may do something
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, notAFile(path)
	}
	file, info, err := open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was read
	if info.Size() > MaxSize {
		return nil, fmt.Errorf("%s has %d bytes; at most %d can be shown", path, info.Size(), MaxSize)
	}
	content, err := io.ReadAll(io.LimitReader(file, info.Size()+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) != info.Size() {
		return nil, fmt.Errorf("%s changed while it was read; try again", path)
	}
	return content, nil
}

// open opens a regular file, and waits for nobody if something else has taken its
// place meanwhile: a pipe would wait for its writer.
func open(path string) (*os.File, os.FileInfo, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notAFile(path)
	}
	if err != nil {
		_ = file.Close() // nothing was read
		return nil, nil, err
	}
	return file, info, nil
}

func notAFile(path string) error { return fmt.Errorf("%s is not a file", path) }

func typeOf(content []byte) string {
	kind, _, err := mime.ParseMediaType(mimetype.Detect(content).String())
	switch {
	case err != nil:
		return "application/octet-stream"
	case kind == "audio/x-m4a":
		return "audio/mp4"
	default:
		return kind
	}
}

// fileName is the title with the file's extension, or the file's own name.
func fileName(path, title string) string {
	title = strings.TrimSpace(title)
	if title == "" {
		return filepath.Base(path)
	}
	if filepath.Ext(title) == "" {
		title += filepath.Ext(path)
	}
	return title
}
