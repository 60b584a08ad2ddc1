package workspace

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Worktree says where a directory belongs that is a linked worktree of a git
// repository, in the words of session metadata.
type Worktree struct {
	BasePath     string `json:"basePath"`
	Branch       string `json:"branch"`
	Name         string `json:"name"`
	WorktreePath string `json:"worktreePath"`
	CreatedAt    int64  `json:"createdAt"`
}

// worktreeWithin bounds what is asked of git.
const worktreeWithin = 5 * time.Second

// WorktreeOf gives the worktree that a session works in: the one a runner made
// for it, else what git says of dir; nil if it is no linked worktree.
func WorktreeOf(ctx context.Context, dir string) *Worktree {
	created, err := strconv.ParseInt(os.Getenv("HAPI_WORKTREE_CREATED_AT"), 10, 64)
	made := &Worktree{
		BasePath: os.Getenv("HAPI_WORKTREE_BASE_PATH"), Branch: os.Getenv("HAPI_WORKTREE_BRANCH"), Name: os.Getenv("HAPI_WORKTREE_NAME"),
		WorktreePath: os.Getenv("HAPI_WORKTREE_PATH"), CreatedAt: created,
	}
	if err == nil && made.BasePath != "" && made.Branch != "" && made.Name != "" && made.WorktreePath == filepath.Clean(dir) {
		return made
	}
	ask := func(args ...string) string {
		out, err := run(ctx, dir, worktreeWithin, []string{"LC_ALL=C"}, "git", args...)
		if err != nil || !out.Success {
			return ""
		}
		return strings.TrimSpace(out.Stdout)
	}
	paths := strings.Split(ask("rev-parse", "--path-format=absolute", "--show-toplevel", "--git-dir", "--git-common-dir"), "\n")
	if len(paths) != 3 || paths[1] == paths[2] {
		return nil
	}
	branch := ask("symbolic-ref", "--quiet", "--short", "HEAD")
	if branch == "" {
		branch = ask("rev-parse", "--short", "HEAD")
	}
	w := &Worktree{BasePath: filepath.Dir(paths[2]), Branch: branch, Name: filepath.Base(paths[0]), WorktreePath: paths[0]}
	if info, err := os.Stat(filepath.Join(paths[0], ".git")); err == nil {
		w.CreatedAt = info.ModTime().UnixMilli()
	}
	return w
}
