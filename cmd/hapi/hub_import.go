package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hapi/internal/home"
	"hapi/internal/hub/importer"
	"hapi/internal/hub/store"
)

func newHubImport() *cobra.Command {
	return &cobra.Command{
		Use: "import [PATH]", Short: "Take over the sessions of a HAPI hub", Args: cobra.MaximumNArgs(1),
		Long: `Take over the sessions, messages, machines, notes and registrations of a HAPI
hub: PATH is its database or its data directory. The source is only read. Run
again, it adds what is new and nothing twice; it can be interrupted at any time.

Without PATH it takes over the data directory of this hub, where HAPI's
database is first moved aside, to hapi.reference.db.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, c, err := openHubHome(cmd.Context())
			if err != nil {
				return err
			}
			lock, err := dir.LockHub(c.DBPath)
			if err != nil {
				return err
			}
			path := ""
			if len(args) > 0 {
				path = args[0]
			}
			err = importFrom(cmd, dir, c, path)
			return errors.Join(err, lock.Release())
		},
	}
}

func importFrom(cmd *cobra.Command, dir *home.Home, c *home.Hub, path string) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	if path == "" {
		moved, err := moveReferenceAside(ctx, c)
		if err != nil {
			return err
		}
		path = moved
	}
	fmt.Fprintf(out, "Reading %s\n", path)
	st, err := store.Open(ctx, c.DBPath, store.Options{})
	if err != nil {
		return err
	}
	writing, stop := context.WithCancel(context.WithoutCancel(ctx))
	written := make(chan error, 1)
	go func() { written <- st.Run(writing) }()
	report, err := importer.Run(ctx, path, st, importer.Options{Files: dir.Path("scratchlist-attachments"), Progress: progressTo(out)})
	stop()
	err = errors.Join(err, <-written, st.Close())
	printImport(out, &report)
	if err != nil {
		return fmt.Errorf("%w\nNothing is lost: run the command again to go on", err)
	}
	return nil
}

// moveReferenceAside gives our database its place in a data directory of HAPI.
// It can be interrupted: the database itself moves last.
func moveReferenceAside(ctx context.Context, c *home.Hub) (string, error) {
	aside := strings.TrimSuffix(c.DBPath, ".db") + ".reference.db"
	if !importer.IsReference(ctx, c.DBPath) {
		if _, err := os.Stat(aside); err == nil {
			return aside, nil // an earlier run moved it
		}
		return "", fmt.Errorf("%s is no database of a HAPI hub: say which one to import", c.DBPath)
	}
	if answers(ctx, "http://"+c.Address()+"/health") {
		return "", fmt.Errorf("a hub answers at http://%s: stop it first", c.Address())
	}
	for _, suffix := range []string{"-wal", "-shm", ""} {
		if _, err := os.Stat(aside + suffix); err == nil {
			return "", fmt.Errorf("%s exists already: move it away", aside+suffix)
		}
		if err := os.Rename(c.DBPath+suffix, aside+suffix); err != nil && !(suffix != "" && errors.Is(err, os.ErrNotExist)) {
			return "", fmt.Errorf("move HAPI's database aside: %w", err)
		}
	}
	return aside, nil
}

func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil
}

// progressTo says how far it is, ten times in all.
func progressTo(out io.Writer) func(done, all int64) {
	told := int64(0)
	return func(done, all int64) {
		if tenth := done * 10 / all; tenth > told {
			told = tenth
			fmt.Fprintf(out, "%3d %%  %d of %d sessions\n", tenth*10, done, all)
		}
	}
}

func printImport(out io.Writer, r *importer.Report) {
	for _, kind := range []struct {
		name string
		c    importer.Counts
	}{
		{"sessions", r.Sessions}, {"messages", r.Messages}, {"machines", r.Machines}, {"notes", r.Notes}, {"files of notes", r.Files},
		{"people", r.Users}, {"browsers to notify", r.Subscriptions}, {"devices to notify", r.Devices},
	} {
		if kind.c.Found > 0 {
			fmt.Fprintf(out, "  %-20s %d found, %d added, %d known, %d left out\n", kind.name, kind.c.Found, kind.c.Added, kind.c.Known, kind.c.Skipped)
		}
	}
	for _, line := range r.Skipped {
		fmt.Fprintln(out, "Left out:", line)
	}
	for _, line := range r.Left {
		fmt.Fprintln(out, "Not used here:", line)
	}
}
