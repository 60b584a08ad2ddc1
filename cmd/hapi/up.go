package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"hapi/internal/home"
	"hapi/internal/hub"
	"hapi/internal/runner"
)

func newUp() *cobra.Command {
	var flags home.HubFlags
	var local bool
	var roots []string
	cmd := &cobra.Command{
		Use: "up", Short: "Start everything: the hub, and a runner for this machine", Args: cobra.NoArgs,
		Long: `Start the hub, and a runner so that sessions can be started on this machine, in
one process. It prints how to reach them from this machine and from your phone.

It listens on all networks of this machine, unless HAPI_LISTEN_HOST, settings.json
or --local say otherwise; whoever comes needs the access token.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if local {
				flags.Fallback = "127.0.0.1"
			} else {
				flags.Fallback = "0.0.0.0"
			}
			return runUp(cmd, flags, roots)
		},
	}
	cmd.Flags().BoolVar(&local, "local", false, "listen on this machine alone")
	cmd.Flags().StringVar(&flags.Port, "port", "", "port to listen on (default 3006)")
	cmd.Flags().StringArrayVar(&roots, "workspace-root", nil, "a directory in which sessions may be started and which may be browsed (repeatable)")
	return cmd
}

func runUp(cmd *cobra.Command, flags home.HubFlags, given []string) error {
	ctx := cmd.Context()
	data, err := home.Open(os.LookupEnv)
	if err != nil {
		return err
	}
	roots, err := runner.Roots(given)
	if err != nil {
		return err
	}
	c, err := data.Hub(ctx, flags)
	if err != nil {
		return err
	}
	log, logPath, closeLog, err := openLog(data, "-up")
	if err != nil {
		return err
	}
	defer closeLog()
	lock, err := data.LockHub(c.DBPath)
	if err != nil {
		return err
	}
	err = serveUp(cmd, data, c, lock, func(hubURL string) (runner.Options, error) {
		o, err := upRunner(ctx, data, c, hubURL, roots)
		o.Logger, o.LogPath = log, logPath
		return o, err
	})
	return errors.Join(err, lock.Release())
}

// serveUp runs the hub, and the runner as long as the hub is there.
func serveUp(cmd *cobra.Command, data *home.Home, c *home.Hub, lock *home.HubLock, beside func(hubURL string) (runner.Options, error)) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	listener, err := listen(cmd, c)
	if err != nil {
		return err
	}
	at := addressesOf(listener.Addr())
	c.CORSOrigins = append(c.CORSOrigins, at.all()...) // a phone opens the app under one of them
	o, err := beside(at.local)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	h, err := hub.Open(ctx, c, hub.Options{Logger: o.Logger})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := lock.Announce(at.local); err != nil {
		o.Logger.Warn("who holds the data directory was not written down", "err", err)
	}
	work, ctx := errgroup.WithContext(ctx)
	serving, stopHub := context.WithCancel(context.WithoutCancel(ctx)) // the runner says goodbye to it first
	ready := make(chan struct{})
	work.Go(func() error { return h.Serve(serving, listener, func() { close(ready) }) })
	work.Go(func() error {
		defer stopHub()
		select {
		case <-ready:
		case <-ctx.Done():
			return nil
		}
		printUp(out, data, c, at, o.LogPath)
		err := runner.Run(ctx, o)
		if errors.Is(err, runner.ErrRunning) {
			fmt.Fprintln(out, "Another runner is running for this data directory; it goes on.")
			<-ctx.Done()
			return nil
		}
		return err
	})
	return work.Wait()
}

// upRunner is the runner beside the hub: it and its sessions talk to that hub,
// whatever the settings say about others.
func upRunner(ctx context.Context, data *home.Home, hubConfig *home.Hub, hubURL string, roots []string) (runner.Options, error) {
	c, err := data.Client(ctx)
	if err != nil {
		return runner.Options{}, err
	}
	c.APIURL, c.Token, c.Headers = home.Value{Text: hubURL, From: home.FromDefault}, hubConfig.Token, nil
	o, err := runnerOptions(data, c, roots)
	o.KeepVersion = true
	o.Env = []string{"HAPI_API_URL=" + hubURL}
	return o, err
}

// addresses are where a hub is found.
type addresses struct {
	local string
	lan   []string
}

func (a addresses) all() []string { return append([]string{a.local}, a.lan...) }

func addressesOf(addr net.Addr) addresses {
	a := addresses{local: localURL(addr)}
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		for _, lan := range lanAddresses() {
			a.lan = append(a.lan, "http://"+net.JoinHostPort(lan, port))
		}
	}
	return a
}

// printUp tells a newcomer where things are and what to do next. Secrets are
// shown to a person only, not to a log.
func printUp(w io.Writer, data *home.Home, c *home.Hub, at addresses, logPath string) {
	fmt.Fprintf(w, "hapi %s is running.\n\n  On this machine:    %s\n", version, at.local)
	for _, lan := range at.lan {
		fmt.Fprintf(w, "  On your network:    %s\n", lan)
	}
	switch {
	case !isTerminal(w):
		fmt.Fprintf(w, "  Access token:       in %s\n", data.SettingsPath())
	case len(at.lan) == 0:
		fmt.Fprintf(w, "  Access token:       %s\n", c.Token.Text)
	default:
		fmt.Fprintf(w, "  Access token:       %s\n", c.Token.Text)
		if code, err := qrCode(signInLink(at.lan[0], c.Token.Text)); err == nil {
			fmt.Fprintf(w, "\nScan this with your phone; it signs you in:\n\n%s", code)
		}
	}
	fmt.Fprintf(w, "\nWhat to do next:\n  1. Open one of the addresses, on this machine or on your phone, and sign in with the token.\n")
	if agents := installedAgents(); len(agents) > 0 {
		fmt.Fprintf(w, "  2. Start a session there (this machine has %s), or run `hapi` in a project.\n", strings.Join(agents, ", "))
	} else {
		fmt.Fprint(w, "  2. No coding agent is installed here yet. See how it works with the demo agent: run `hapi demo`,\n"+
			"     or choose Demo for a new session. Then install one, such as `npm install -g @anthropic-ai/claude-code`.\n")
	}
	if len(at.lan) > 0 {
		fmt.Fprint(w, "\nWhoever is on your network and has the token can use it; `hapi up --local` stays on this machine.\n")
	} else {
		fmt.Fprint(w, "\nIt is reachable from this machine alone; without --local, and without a listen host in the settings, your network can reach it.\n")
	}
	fmt.Fprintf(w, "Log: %s\nPress Ctrl-C to stop. Sessions go on.\n", logPath)
}

// signInLink opens the web app of a hub and signs in.
func signInLink(hubURL, token string) string {
	return hubURL + "/?" + url.Values{"hub": {hubURL}, "token": {token}}.Encode()
}
