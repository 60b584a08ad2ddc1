package runner

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/process"

	"hapi/internal/home"
)

// worktreesDir has a file for each worktree that a runner made. One each, so that
// runners and people's commands need not agree on who writes.
const worktreesDir = "worktrees"

// Worktree is a worktree that a runner of this data directory made.
type Worktree struct {
	worktree
	Removed *removed `json:"removed,omitempty"`

	home *home.Home
}

// removed is what it takes to make a worktree again.
type removed struct {
	At     int64  `json:"at"` // ms
	Commit string `json:"commit"`
	Branch string `json:"branch,omitempty"` // none: no branch was checked out
}

func (w *Worktree) file() string {
	sum := sha256.Sum256([]byte(w.Path))
	return filepath.Join(w.home.Path(worktreesDir), hex.EncodeToString(sum[:8])+".json")
}

func (w *Worktree) save() error {
	raw, err := json.MarshalIndent(w, "", "  ")
	if err != nil {
		panic(err) // there is nothing in it that cannot be
	}
	if err := os.MkdirAll(filepath.Dir(w.file()), 0o700); err != nil {
		return fmt.Errorf("note a worktree: %w", err)
	}
	return home.WritePrivate(w.file(), raw)
}

// readNote reads the file of a worktree.
func readNote(data *home.Home, path string) (*Worktree, error) {
	w := &Worktree{home: data}
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, w)
	}
	if err != nil {
		return nil, fmt.Errorf("read the note of a worktree, %s: %w", path, err)
	}
	return w, nil
}

// notes are those of all worktrees, also of removed ones.
func notes(data *home.Home) ([]*Worktree, error) {
	paths, err := filepath.Glob(filepath.Join(data.Path(worktreesDir), "*.json"))
	if err != nil {
		return nil, fmt.Errorf("list the worktrees: %w", err)
	}
	all := make([]*Worktree, len(paths))
	for i, path := range paths {
		if all[i], err = readNote(data, path); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Worktrees are those that runners of a data directory made, the oldest first.
func Worktrees(data *home.Home) ([]*Worktree, error) {
	all, err := notes(data)
	all = slices.DeleteFunc(all, func(w *Worktree) bool { return w.Removed != nil })
	slices.SortFunc(all, func(a, b *Worktree) int { return cmp.Compare(a.CreatedAt, b.CreatedAt) })
	return all, err
}

// Gone says that somebody else has removed the directory.
func (w *Worktree) Gone() bool {
	_, err := os.Lstat(w.Path)
	return errors.Is(err, fs.ErrNotExist)
}

// Size is how many bytes its files have.
func (w *Worktree) Size() int64 {
	var size int64
	_ = filepath.WalkDir(w.Path, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				size += info.Size()
			}
		}
		return nil // what cannot be looked at does not count
	})
	return size
}

// Loss says why the worktree is to stay: somebody works in it, or something would
// be lost. nil: it can be removed. ignoredToo: what git ignores is not wanted.
func (w *Worktree) Loss(ctx context.Context, ignoredToo bool) error {
	if pid := w.user(ctx); pid != 0 {
		return keptError(fmt.Sprintf("process %d works in it", pid))
	}
	if w.Gone() {
		if tip := w.tip(ctx); tip != "" {
			return w.elsewhere(ctx, tip)
		}
		return nil
	}
	return w.loss(ctx, ignoredToo)
}

// user is a process that works in the worktree; 0 is none.
func (w *Worktree) user(ctx context.Context) int {
	started, err := Started(w.home)
	if err == nil {
		for _, s := range started {
			if s.Directory == w.Path {
				return s.PID
			}
		}
	}
	processes, err := process.ProcessesWithContext(ctx)
	if err != nil {
		return 0 // not every system tells
	}
	for _, p := range processes {
		if cwd, err := p.CwdWithContext(ctx); err == nil && (cwd == w.Path || strings.HasPrefix(cwd, w.Path+string(filepath.Separator))) {
			return int(p.Pid)
		}
	}
	return 0
}

// Remove takes the worktree and its branch away, unless something would be lost.
// A session that is resumed there gets it again.
func (w *Worktree) Remove(ctx context.Context, ignoredToo bool) error {
	if err := w.Loss(ctx, ignoredToo); err != nil {
		return err
	}
	if _, err := os.Lstat(w.Base); errors.Is(err, fs.ErrNotExist) && w.Gone() {
		return os.Remove(w.file()) // its repository is gone too
	}
	note := &removed{At: time.Now().UnixMilli(), Commit: w.tip(ctx), Branch: w.Branch}
	if w.Gone() {
		if _, err := git(ctx, w.Base, "worktree", "prune"); err != nil {
			return err
		}
		if err := w.removeBranch(ctx, note.Commit); err != nil {
			return err
		}
	} else {
		var err error
		if note.Commit, err = git(ctx, w.Path, "rev-parse", "HEAD"); err != nil {
			return err
		}
		if note.Branch, err = git(ctx, w.Path, "branch", "--show-current"); err != nil {
			return err
		}
		if err := w.removeChecked(ctx); err != nil {
			return err
		}
	}
	w.Removed = note
	return w.save()
}

// BringBack makes a worktree again that was cleaned up and in which a session is to
// go on. Other directories are none of its business.
func BringBack(ctx context.Context, data *home.Home, dir string) error {
	w, err := readNote(data, (&Worktree{worktree: worktree{Path: filepath.Clean(dir)}, home: data}).file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if w.Removed == nil || !w.Gone() {
		return nil
	}
	then := &worktree{Base: w.Base, Branch: w.Removed.Branch}
	args := []string{"worktree", "add", "-b", then.Branch, w.Path, w.Removed.Commit}
	switch {
	case then.Branch == "":
		args = []string{"worktree", "add", "--detach", w.Path, w.Removed.Commit}
	case then.tip(ctx) != "":
		args = []string{"worktree", "add", w.Path, then.Branch}
	}
	if _, err := git(ctx, w.Base, args...); err != nil {
		return fmt.Errorf("the worktree %s was removed, and cannot be made again: %w", w.Path, err)
	}
	w.Removed = nil
	return w.save()
}

// pruneWorktrees forgets worktrees that were removed long ago.
func pruneWorktrees(data *home.Home, now time.Time) error {
	all, err := notes(data)
	for _, w := range all {
		if w.Removed != nil && now.Sub(time.UnixMilli(w.Removed.At)) > keepRemoved {
			err = errors.Join(err, os.Remove(w.file()))
		}
	}
	return err
}

// keepRemoved is how long a session can be resumed in a worktree that was removed.
const keepRemoved = 365 * 24 * time.Hour
