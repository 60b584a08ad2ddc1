package runner

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/disk"
)

// worktree is a second working directory of a repository, on a branch of its own.
type worktree struct {
	Base      string `json:"basePath"` // top of the repository
	Path      string `json:"worktreePath"`
	Branch    string `json:"branch"`
	Name      string `json:"name"`
	CreatedAt int64  `json:"createdAt"` // ms
}

// fullBelow is how many free bytes are none: git does not say why it cannot write.
const fullBelow = 1 << 20

// worktreeTries is how often another name is tried when one is taken.
const worktreeTries = 5

// makeWorktree makes a worktree of the repository that dir is in, at its present
// commit, beside the repository.
func makeWorktree(ctx context.Context, dir, hint string, now time.Time) (*worktree, error) {
	base, err := git(ctx, dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, fmt.Errorf("a worktree needs a git repository, and %s is not in one", dir)
	}
	commit, err := git(ctx, base, "rev-parse", "HEAD")
	if err != nil {
		return nil, fmt.Errorf("a worktree needs a commit to begin from, and the repository %s has none yet", base)
	}
	folder := filepath.Join(filepath.Dir(base), filepath.Base(base)+"-worktrees")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder for worktrees: %w", err)
	}
	name := slug(hint)
	if name == "" {
		name = now.Format("0102") + "-" + suffix()
	}
	wanted := name
	for range worktreeTries {
		w := &worktree{
			Base: base, Path: filepath.Join(folder, name), Branch: "hapi-" + name, Name: name, CreatedAt: now.UnixMilli(),
		}
		if w.taken(ctx) {
			name = wanted + "-" + suffix()
			continue
		}
		_, err := git(ctx, base, "worktree", "add", "-b", w.Branch, w.Path, commit)
		if err == nil {
			return w, nil
		}
		if strings.Contains(err.Error(), "already exists") { // another start was quicker
			name = wanted + "-" + suffix()
			continue
		}
		w.undo(context.WithoutCancel(ctx))
		if usage, diskErr := disk.UsageWithContext(ctx, folder); diskErr == nil && usage.Free < fullBelow {
			return nil, fmt.Errorf("there is no room for a worktree of %s: the disk is full", base)
		}
		return nil, fmt.Errorf("make a worktree of %s: %w", base, err)
	}
	return nil, fmt.Errorf("no free name like %q was found for a worktree of %s: choose another", wanted, base)
}

func (w *worktree) taken(ctx context.Context) bool {
	if _, err := os.Lstat(w.Path); err == nil {
		return true
	}
	_, err := git(ctx, w.Base, "rev-parse", "--verify", "--quiet", "refs/heads/"+w.Branch)
	return err == nil
}

// undo takes away what git left of a worktree that it could not make: a full disk
// is no place for more. Nobody has worked there.
func (w *worktree) undo(ctx context.Context) {
	for _, args := range [][]string{{"worktree", "remove", "--force", w.Path}, {"branch", "-d", w.Branch}} {
		_, _ = git(ctx, w.Base, args...) // there may be nothing
	}
}

// remove takes the worktree and its branch away if nothing would be lost.
func (w *worktree) remove(ctx context.Context) error {
	if err := w.loss(ctx, false); err != nil {
		return err
	}
	return w.removeChecked(ctx)
}

// removeChecked is remove for callers that know that nothing would be lost. git
// looks once more.
func (w *worktree) removeChecked(ctx context.Context) error {
	tip := w.tip(ctx)
	if _, err := git(ctx, w.Base, "worktree", "remove", w.Path); err != nil {
		return fmt.Errorf("keep the worktree %s: %w", w.Path, err)
	}
	return w.removeBranch(ctx, tip)
}

// removeBranch removes the branch if it is still at the commit that was looked at.
func (w *worktree) removeBranch(ctx context.Context, tip string) error {
	if tip == "" || w.tip(ctx) != tip {
		return nil
	}
	if _, err := git(ctx, w.Base, "branch", "-D", w.Branch); err != nil {
		return fmt.Errorf("remove the branch %s: %w", w.Branch, err)
	}
	return nil
}

// env tells the session process about its worktree.
func (w *worktree) env() []string {
	return []string{
		"HAPI_WORKTREE_BASE_PATH=" + w.Base, "HAPI_WORKTREE_BRANCH=" + w.Branch, "HAPI_WORKTREE_NAME=" + w.Name,
		"HAPI_WORKTREE_PATH=" + w.Path, "HAPI_WORKTREE_CREATED_AT=" + strconv.FormatInt(w.CreatedAt, 10),
	}
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

// slugLength keeps names of branches and directories handy.
const slugLength = 60

func slug(hint string) string {
	s := strings.Trim(notSlug.ReplaceAllString(strings.ToLower(hint), "-"), "-")
	return strings.Trim(s[:min(len(s), slugLength)], "-")
}

func suffix() string {
	b := make([]byte, 2)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return hex.EncodeToString(b)
}

// gitWithin bounds one git command: a worktree of a large repository takes a while.
const gitWithin = 20 * time.Second

func git(ctx context.Context, dir string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, gitWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return "", fmt.Errorf("git: %s", oneLine(string(failed.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("git: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
