package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"hapi/internal/home"
	"hapi/internal/hub"
	"hapi/internal/hub/store"
)

// openHubHome reads the hub's configuration as the hub itself would.
func openHubHome(ctx context.Context) (*home.Home, *home.Hub, error) {
	dir, err := home.Open(os.LookupEnv)
	if err != nil {
		return nil, nil, err
	}
	c, err := dir.Hub(ctx, home.HubFlags{})
	return dir, c, err
}

func newHubBackup() *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "Copy the hub's database to a new file, also while the hub runs", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, c, err := openHubHome(cmd.Context())
			if err != nil {
				return err
			}
			if err := store.Backup(cmd.Context(), c.DBPath, args[0]); err != nil {
				return err
			}
			info, err := os.Stat(args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s holds everything the hub had: %s. To go back to it, stop the hub and copy it to %s.\n",
				args[0], sizeText(info.Size()), c.DBPath)
			return nil
		},
	}
}

func newHubCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Look for damage in the hub's database, also while the hub runs", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, c, err := openHubHome(cmd.Context())
			if err != nil {
				return err
			}
			r, err := store.Check(cmd.Context(), c.DBPath)
			if err != nil {
				return err
			}
			return printReport(cmd.OutOrStdout(), &r)
		},
	}
}

// printReport says what was found; problems make the command fail.
func printReport(out io.Writer, r *store.Report) error {
	fmt.Fprintf(out, "%s: schema %d, %s, and %s not yet in it\n", r.Path, r.Schema, sizeText(r.Bytes), sizeText(r.Wal))
	for _, t := range r.Tables {
		fmt.Fprintf(out, "  %-24s %d rows\n", t.Name, t.Rows)
	}
	if len(r.Problems) == 0 {
		fmt.Fprintln(out, "No problems found.")
		return nil
	}
	for _, p := range r.Problems {
		fmt.Fprintln(out, "Problem:", p)
	}
	fmt.Fprintln(out, "Stop the hub and restore a backup, or keep a copy of the file before anything else is written to it.")
	return exitCode(1)
}

// sizeText is a size as people say it.
func sizeText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	default:
		return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
	}
}

func newHubPrune() *cobra.Command {
	var olderThan string
	var dry bool
	cmd := &cobra.Command{
		Use: "prune --older-than 90d", Short: "Delete sessions that nothing has happened in for long", Args: cobra.NoArgs,
		Long: `Delete the sessions, of all namespaces, that nothing has happened in for so many
days, with their messages. Active and pinned sessions stay.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			days, err := parseDays("--older-than", olderThan)
			if err != nil {
				return err
			}
			var pruned struct{ Sessions int }
			err = atHub(cmd.Context(), "/api/hub/prune", map[string]any{"olderThanDays": days, "dryRun": dry}, &pruned)
			if err != nil {
				return err
			}
			what := "deleted"
			if dry {
				what = "would be deleted"
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d sessions %s.\n", pruned.Sessions, what)
			return nil
		},
	}
	cmd.Flags().StringVar(&olderThan, "older-than", "", "age in days, such as 90d")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say how many there are")
	_ = cmd.MarkFlagRequired("older-than") // the flag exists
	return cmd
}

func parseDays(flag, text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(text), "d"))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s is %q; it is a number of days, such as 90d", flag, text)
	}
	return n, nil
}

// atHub posts to the hub of this data directory as its owner.
func atHub(ctx context.Context, path string, in, out any) error {
	return askOwner(ctx, http.MethodPost, path, in, out)
}

// askOwner asks the hub of this data directory for something as its owner; if
// none runs, one runs for as long as that takes.
func askOwner(ctx context.Context, method, path string, in, out any) error {
	dir, c, err := openHubHome(ctx)
	if err != nil {
		return err
	}
	lock, err := dir.LockHub(c.DBPath)
	if errors.Is(err, home.ErrHubRunning) {
		running, ok := dir.RunningHub()
		if !ok {
			return err
		}
		return askHub(ctx, running.Address, c.Token.Text, method, path, in, out)
	}
	if err != nil {
		return err
	}
	return errors.Join(askOwnHub(ctx, c, method, path, in, out), lock.Release())
}

func askOwnHub(ctx context.Context, c *home.Hub, method, path string, in, out any) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for ourselves: %w", err)
	}
	h, err := hub.Open(ctx, c, hub.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	serving, stop := context.WithCancel(ctx)
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- h.Serve(serving, listener, func() { close(ready) }) }()
	select {
	case <-ready:
		err = askHub(ctx, "http://"+listener.Addr().String(), c.Token.Text, method, path, in, out)
		stop()
		return errors.Join(err, <-ended)
	case err := <-ended:
		stop()
		return err
	}
}

// askHub signs in and asks.
func askHub(ctx context.Context, address, token, method, path string, in, out any) error {
	var grant struct{ Token string }
	if err := callJSON(ctx, http.MethodPost, address+"/api/auth", "", map[string]string{"accessToken": token}, &grant); err != nil {
		return fmt.Errorf("sign in to the hub at %s: %w", address, err)
	}
	return callJSON(ctx, method, address+path, grant.Token, in, out)
}

func callJSON(ctx context.Context, method, url, bearer string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		var refused struct{ Error string }
		_ = json.Unmarshal(raw, &refused) // what is not JSON is shown as it is
		if refused.Error == "" {
			refused.Error = strings.TrimSpace(string(raw))
		}
		return fmt.Errorf("the hub answered %d: %s", res.StatusCode, refused.Error)
	}
	return json.Unmarshal(raw, out)
}
