package runner

import (
	"context"
	"crypto/md5" // as Cursor names its folders
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"hapi/internal/wire"
	"hapi/internal/workspace"
)

// listDirectory is list-directory: what is in a directory below the roots.
func (r *Runner) listDirectory(_ context.Context, params json.RawMessage) (any, error) {
	var in wire.MachineDirectoryParams
	if json.Unmarshal(params, &in) != nil {
		return wire.Failed{Error: "Invalid parameters"}, nil //nolint:nilerr // the failure is the answer
	}
	out, err := r.browse(in)
	if err != nil {
		return wire.Failed{Error: err.Error()}, nil //nolint:nilerr // the failure is the answer
	}
	return out, nil
}

// Texts that clients know.
//
//nolint:staticcheck // shown as they are
var (
	errNoBrowsing   = errors.New("Workspace browsing is not enabled for this machine")
	errNoPath       = errors.New("Path is required")
	errOutside      = errors.New("Path is outside workspace roots")
	errNoDirectory  = errors.New("Path is not a directory")
	errNotReadable  = errors.New("The directory cannot be read: permission denied")
	errNotThere     = errors.New("The directory does not exist")
	errSpawnOutside = errors.New("Directory is outside this machine's workspace roots")
)

func (r *Runner) browse(in wire.MachineDirectoryParams) (wire.Directory, error) {
	path := expandHome(strings.TrimSpace(in.Path))
	switch {
	case len(r.roots) == 0:
		return wire.Directory{}, errNoBrowsing
	case path == "":
		return wire.Directory{}, errNoPath
	case !filepath.IsAbs(path) || !r.roots.contain(path):
		return wire.Directory{}, errOutside
	}
	root, err := os.OpenRoot(path)
	if err == nil {
		defer root.Close() //nolint:errcheck // it was read
		var d *os.File
		if d, err = root.Open("."); err == nil {
			defer d.Close() //nolint:errcheck // likewise
			return list(root, d, in.IncludeHidden)
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return wire.Directory{}, errNotThere
	case errors.Is(err, fs.ErrPermission):
		return wire.Directory{}, errNotReadable
	default:
		return wire.Directory{}, errNoDirectory
	}
}

func list(root *os.Root, d *os.File, hidden bool) (wire.Directory, error) {
	out, err := workspace.List(d, root.Lstat)
	if err != nil {
		return out, err
	}
	shown := out.Entries[:0]
	for _, entry := range out.Entries {
		if !hidden && strings.HasPrefix(entry.Name, ".") {
			continue
		}
		repo := false
		if entry.Type == wire.EntryDirectory {
			_, err := root.Lstat(filepath.Join(entry.Name, ".git"))
			repo = err == nil
		}
		entry.IsGitRepo = &repo
		shown = append(shown, entry)
	}
	out.Entries = shown
	return out, nil
}

// pathsExist is path-exists: which paths are directories.
func (r *Runner) pathsExist(_ context.Context, params json.RawMessage) (any, error) {
	var in wire.PathExistsParams
	if json.Unmarshal(params, &in) != nil {
		return nil, errors.New("Invalid parameters")
	}
	out := wire.PathsExist{Exists: map[string]bool{}}
	for _, path := range in.Paths {
		if path = strings.TrimSpace(path); path != "" {
			info, err := os.Stat(expandHome(path))
			out.Exists[path] = err == nil && info.IsDir()
		}
	}
	return out, nil
}

var cursorID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// cursorChatStore is cursor-chat-store-status: whether a chat of Cursor's is on
// this machine.
func (r *Runner) cursorChatStore(_ context.Context, params json.RawMessage) (any, error) {
	var in struct {
		Workspace string `json:"workspacePath"`
		Session   string `json:"cursorSessionId"`
		Home      string `json:"homeDir"`
	}
	if json.Unmarshal(params, &in) != nil || !cursorID.MatchString(in.Session) {
		return nil, errors.New("Invalid Cursor session id")
	}
	if in.Home == "" {
		in.Home, _ = os.UserHomeDir() // then nothing is found
	}
	there := func(parts ...string) bool {
		_, err := os.Stat(filepath.Join(append([]string{in.Home, ".cursor"}, parts...)...))
		return err == nil
	}
	sum := md5.Sum([]byte(in.Workspace))
	chats, _ := filepath.Glob(filepath.Join(in.Home, ".cursor", "chats", "*", in.Session, "store.db"))
	switch {
	case there("acp-sessions", in.Session, "store.db"):
		return map[string]any{"onDisk": true, "store": "acp"}, nil
	case there("chats", hex.EncodeToString(sum[:]), in.Session, "store.db"), len(chats) == 1:
		return map[string]any{"onDisk": true, "store": "legacy"}, nil
	}
	return map[string]any{"onDisk": false, "store": nil}, nil
}
