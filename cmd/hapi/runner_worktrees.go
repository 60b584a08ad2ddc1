package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"hapi/internal/home"
	"hapi/internal/runner"
)

func newRunnerWorktrees() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "worktrees", Short: "List the worktrees that were made for sessions, and clean up", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return listWorktrees(cmd, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.AddCommand(newWorktreesClean())
	return cmd
}

func newWorktreesClean() *cobra.Command {
	var yes, ignored bool
	cmd := &cobra.Command{
		Use: "clean", Short: "Remove the worktrees in which nothing would be lost", Args: cobra.NoArgs,
		Long: `Remove worktrees that were made for sessions, with their branches, where nobody works
and nothing would be lost: all is committed, and the commits are on another branch,
a remote's, or in a tag. At a terminal you are asked first. A session that is resumed
gets its worktree again.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cleanWorktrees(cmd, ignored, yes) },
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&ignored, "ignored", false, "also where there are files that git ignores, such as dependencies; they are removed")
	return cmd
}

func listWorktrees(cmd *cobra.Command, asJSON bool) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	all, err := knownWorktrees()
	if err != nil {
		return err
	}
	if asJSON {
		list := []map[string]any{}
		for _, w := range all {
			one := map[string]any{"path": w.Path, "basePath": w.Base, "branch": w.Branch, "createdAt": w.CreatedAt, "bytes": w.Size(), "removable": true}
			if loss := w.Loss(ctx, false); loss != nil {
				one["removable"], one["kept"] = false, loss.Error()
			}
			list = append(list, one)
		}
		return printJSON(out, list)
	}
	if len(all) == 0 {
		fmt.Fprintln(out, "There are no worktrees of sessions.")
		return nil
	}
	printWorktrees(ctx, cmd, all, false)
	return nil
}

func knownWorktrees() ([]*runner.Worktree, error) {
	data, err := home.Open(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	return runner.Worktrees(data)
}

// printWorktrees shows all, and gives those that can be removed.
func printWorktrees(ctx context.Context, cmd *cobra.Command, all []*runner.Worktree, ignored bool) (removable []*runner.Worktree) {
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	defer table.Flush() //nolint:errcheck // as every print
	for _, w := range all {
		state := "can be removed"
		if loss := w.Loss(ctx, ignored); loss != nil {
			state = "stays: " + loss.Error()
		} else {
			removable = append(removable, w)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", w.Path, time.UnixMilli(w.CreatedAt).Format(time.DateOnly), megabytes(w.Size()), state)
	}
	return removable
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

func cleanWorktrees(cmd *cobra.Command, ignored, yes bool) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	all, err := knownWorktrees()
	if err != nil {
		return err
	}
	removable := printWorktrees(ctx, cmd, all, ignored)
	if len(removable) == 0 {
		fmt.Fprintln(out, "There is nothing to clean up.")
		return nil
	}
	if !yes && term.IsTerminal(int(os.Stdin.Fd())) && !agreed(cmd, fmt.Sprintf("Remove %d of them?", len(removable))) {
		return errors.New("nothing was removed")
	}
	done := 0
	var failed error
	for _, w := range removable { // each is looked at once more: one may have the commits of another
		if err := w.Remove(ctx, ignored); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s stays: %w", w.Path, err))
			continue
		}
		done++
	}
	fmt.Fprintf(out, "Removed: %d\n", done)
	return failed
}
