package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"hapi/internal/control"
	"hapi/internal/home"
)

func newRunnerLogs() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{Use: "logs", Short: "Print the path of the runner's log", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		data, err := home.Open(os.LookupEnv)
		if err != nil {
			return err
		}
		path := latestRunnerLog(data)
		if path == "" {
			fmt.Fprintln(cmd.OutOrStdout(), "There is no log of a runner yet.")
			return nil
		}
		if !follow {
			fmt.Fprintln(cmd.OutOrStdout(), path)
			return nil
		}
		return followFile(cmd.Context(), cmd.OutOrStdout(), path)
	}}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "print the log itself, and what is added to it")
	return cmd
}

// latestRunnerLog is the log of the running runner, else the newest one.
func latestRunnerLog(data *home.Home) string {
	if s, err := control.ReadState(data.Dir); err == nil {
		if _, err := os.Stat(s.LogPath); err == nil {
			return s.LogPath
		}
	}
	logs, err := filepath.Glob(data.Path("logs/*-runner.log"))
	if err != nil {
		return ""
	}
	var newest string
	var at time.Time
	for _, path := range logs {
		if info, err := os.Stat(path); err == nil && info.ModTime().After(at) {
			newest, at = path, info.ModTime()
		}
	}
	return newest
}

// followFile prints a file and what is added to it, until ctx ends.
func followFile(ctx context.Context, w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was read
	for {
		if _, err := io.Copy(w, f); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("print the log: %w", err)
		}
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
			return nil
		}
	}
}
