// Package workspace is what people's clients may do with files on the machine
// of a session, confined to where they belong.
package workspace

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// MaxUpload is the largest file taken, in bytes.
const MaxUpload = 50 << 20

// Failures of uploads, as people's clients know them.
var (
	ErrUploadTooLarge = errors.New("File too large (max 50MB)")
	ErrUploadPath     = errors.New("Invalid upload path")
	ErrUploadContent  = errors.New("Invalid file content")
)

// UploadsBase is the directory below which all sessions keep uploads; agents
// are allowed to read there.
func UploadsBase() string { return filepath.Join(os.TempDir(), "hapi-blobs") }

// Uploads are the files that people sent to one session. The directory is made
// with the first, and removed with the session.
type Uploads struct {
	session string

	mu   sync.Mutex
	root *os.Root
	gone bool
}

// NewUploads makes an empty store of uploads.
func NewUploads(session string) *Uploads { return &Uploads{session: session} }

// Save writes a file and gives its path.
func (u *Uploads) Save(filename, content string) (string, error) {
	if base64.StdEncoding.DecodedLen(len(content)) > MaxUpload+3 {
		return "", ErrUploadTooLarge
	}
	raw, err := base64.StdEncoding.DecodeString(content)
	if err != nil {
		if raw, err = base64.RawStdEncoding.DecodeString(content); err != nil {
			return "", ErrUploadContent
		}
	}
	if len(raw) > MaxUpload {
		return "", ErrUploadTooLarge
	}
	root, err := u.open()
	if err != nil {
		return "", err
	}
	name := strconv.FormatInt(time.Now().UnixMilli(), 10) + "-" + uuid.NewString() + "-" + safeName(filename)
	name = clip(name, 255)
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("save upload: %w", err)
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("save upload: %w", errors.Join(err, root.Remove(name)))
	}
	return filepath.Join(root.Name(), name), nil
}

func (u *Uploads) open() (*os.Root, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.root != nil {
		return u.root, nil
	}
	if u.gone {
		return nil, errors.New("the session has ended")
	}
	base := UploadsBase()
	if err := os.MkdirAll(base, 0o700); err != nil {
		return nil, fmt.Errorf("make the upload directory: %w", err)
	}
	// Others write to the system's directory for temporary files, too: what is not
	// ours alone could be exchanged before the agent reads it.
	if info, err := os.Lstat(base); err != nil || !info.IsDir() || !ownedAlone(info) {
		return nil, fmt.Errorf("the upload directory %s is not this user's alone: remove it, or set TMPDIR", base)
	}
	dir, err := os.MkdirTemp(base, safeName(u.session)+"-")
	if err != nil {
		return nil, fmt.Errorf("make the upload directory: %w", err)
	}
	u.root, err = os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the upload directory: %w", err)
	}
	return u.root, nil
}

// Delete removes a file that Save gave.
func (u *Uploads) Delete(path string) error {
	u.mu.Lock()
	root := u.root
	u.mu.Unlock()
	if root == nil {
		return ErrUploadPath
	}
	name, err := filepath.Rel(root.Name(), path)
	if err != nil || !filepath.IsLocal(name) || name == "." {
		return ErrUploadPath
	}
	err = root.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a repeated delete
	}
	if err != nil {
		return ErrUploadPath
	}
	return nil
}

// Close removes all uploads of the session, also those to earlier processes that
// were killed.
func (u *Uploads) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.gone = true
	var err error
	if u.root != nil {
		err = u.root.Close()
		u.root = nil
	}
	kept, readErr := os.ReadDir(UploadsBase())
	if readErr != nil && !errors.Is(readErr, fs.ErrNotExist) {
		err = errors.Join(err, readErr)
	}
	for _, entry := range kept {
		if strings.HasPrefix(entry.Name(), safeName(u.session)+"-") {
			err = errors.Join(err, os.RemoveAll(filepath.Join(UploadsBase(), entry.Name())))
		}
	}
	if err != nil {
		return fmt.Errorf("remove uploads: %w", err)
	}
	return nil
}

// safeName is the last part of a name, without what file systems or prompts
// take for something else.
func safeName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == utf8.RuneError || strings.ContainsRune(`<>:"|?*'`+"` \t", r) {
			return '_'
		}
		return r
	}, name)
	if strings.Trim(name, ".") == "" {
		return "file"
	}
	return name
}

// clip shortens a name to most bytes, keeping its extension and whole runes.
func clip(name string, most int) string {
	if len(name) <= most {
		return name
	}
	ext := filepath.Ext(name)
	if len(ext) > 20 {
		ext = ""
	}
	head := name[:most-len(ext)]
	for !utf8.ValidString(head) {
		head = head[:len(head)-1]
	}
	return head + ext
}
