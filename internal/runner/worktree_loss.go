package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// keptError says why a worktree is not removed.
type keptError string

func (e keptError) Error() string { return string(e) }

// loss says what would be lost with the worktree and its branch; nil is nothing.
// Files that git ignores count too, unless they are not wanted: nobody else has
// them. Our own look is stricter than that of `git worktree remove`, which takes
// ignored files along and hides others where it is configured to.
func (w *worktree) loss(ctx context.Context, ignoredToo bool) error {
	if err := w.uncommitted(ctx, ignoredToo); err != nil {
		return err
	}
	head, err := git(ctx, w.Path, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	tips := []string{head}
	if tip := w.tip(ctx); tip != "" && tip != head {
		tips = append(tips, tip)
	}
	for _, tip := range tips {
		if err := w.elsewhere(ctx, tip); err != nil {
			return err
		}
	}
	return nil
}

// tip is the commit of the branch; "" if it is gone.
func (w *worktree) tip(ctx context.Context) string {
	tip, err := git(ctx, w.Base, "rev-parse", "--verify", "--quiet", "refs/heads/"+w.Branch)
	if err != nil {
		return ""
	}
	return tip
}

// uncommitted says what is in the directory alone.
func (w *worktree) uncommitted(ctx context.Context, ignoredToo bool) error {
	for _, name := range []string{"MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "BISECT_LOG", "rebase-merge", "rebase-apply"} {
		path, err := git(ctx, w.Path, "rev-parse", "--path-format=absolute", "--git-path", name)
		if err != nil {
			return err
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return keptError("a merge, rebase or the like is under way")
		}
	}
	status, err := git(ctx, w.Path, "status", "--porcelain=v2", "-z", "--no-renames", "--untracked-files=all", "--ignored=matching", "--ignore-submodules=none")
	if err != nil {
		return err
	}
	var changed, ignored []string
	for line := range strings.SplitSeq(status, "\x00") {
		kind, rest, _ := strings.Cut(line, " ")
		switch kind {
		case "":
		case "!":
			ignored = append(ignored, rest)
		default:
			if fields := strings.SplitN(rest, " ", beforeName[kind]+1); len(fields) > beforeName[kind] {
				rest = fields[beforeName[kind]]
			}
			changed = append(changed, rest)
		}
	}
	if len(changed) > 0 {
		return keptError("not committed: " + some(changed))
	}
	if len(ignored) > 0 && !ignoredToo {
		return keptError("ignored by git, and nowhere else: " + some(ignored))
	}
	return w.hidden(ctx)
}

// beforeName is how many fields each kind of line of `git status` has before the
// name of the file; files that git does not know have none.
var beforeName = map[string]int{"1": 7, "u": 9}

// hidden says which files git was told not to look at, though they are there.
func (w *worktree) hidden(ctx context.Context) error {
	files, err := git(ctx, w.Path, "ls-files", "-v", "-z")
	if err != nil {
		return err
	}
	for line := range strings.SplitSeq(files, "\x00") {
		tag, name, _ := strings.Cut(line, " ")
		if tag == "" || tag != strings.ToLower(tag) && tag != "S" {
			continue
		}
		if _, err := os.Lstat(filepath.Join(w.Path, name)); err == nil {
			return keptError("git was told not to look at " + name)
		}
	}
	return nil
}

// elsewhere says whether a commit is on another branch, on a remote's, in a tag,
// or in what the repository itself has checked out.
func (w *worktree) elsewhere(ctx context.Context, commit string) error {
	if _, err := git(ctx, w.Base, "merge-base", "--is-ancestor", commit, "HEAD"); err == nil {
		return nil
	}
	refs, err := git(ctx, w.Base, "for-each-ref", "--contains", commit, "--format=%(refname)", "refs/heads", "refs/remotes", "refs/tags")
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(strings.Fields(refs), func(ref string) bool { return ref == "refs/heads/"+w.Branch })
	if len(others) == 0 {
		return keptError("commits that are on " + w.Branch + " alone: merge or push them first")
	}
	return nil
}

// some names the first of many files.
func some(names []string) string {
	const shown = 3
	text := strings.Join(names[:min(shown, len(names))], ", ")
	if more := len(names) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
