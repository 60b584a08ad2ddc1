package workspace

import (
	"context"
	"path/filepath"

	"hapi/internal/wire"
)

// git looks, and changes nothing: it takes no locks that would get in the way
// of the agent's git, and runs no program that the repository names.
func (w *Workspace) git(ctx context.Context, in wire.GitParams, args ...string) (wire.CommandResult, error) {
	dir, err := w.directory(in.CWD)
	if err != nil {
		return wire.CommandResult{}, err
	}
	args = append([]string{"-c", "core.fsmonitor=false", "--no-pager"}, args...)
	return run(ctx, dir, within(in.Timeout), []string{"GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C"}, "git", args...)
}

func (w *Workspace) gitStatus(ctx context.Context, in wire.GitParams) (wire.CommandResult, error) {
	return w.git(ctx, in, "status", "--porcelain=v2", "--branch", "--untracked-files=all")
}

func (w *Workspace) gitDiffNumstat(ctx context.Context, in wire.GitParams) (wire.CommandResult, error) {
	return w.git(ctx, in, diff(in.Staged, "--numstat")...)
}

func (w *Workspace) gitDiffFile(ctx context.Context, in wire.GitParams) (wire.CommandResult, error) {
	path := in.FilePath
	if !filepath.IsAbs(path) {
		path = filepath.Join(in.CWD, path)
	}
	if _, err := w.local(path); err != nil {
		return wire.CommandResult{}, deniedError{in.FilePath}
	}
	// The path is one file's, whatever characters it has.
	return w.git(ctx, in, append([]string{"--literal-pathspecs"}, diff(in.Staged, "--", in.FilePath)...)...)
}

func diff(staged bool, rest ...string) []string {
	args := []string{"diff", "--no-ext-diff", "--no-textconv"}
	if staged {
		args = append(args, "--cached")
	}
	return append(args, rest...)
}
