package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"hapi/internal/home"
	"hapi/internal/hub"
)

func newHub() *cobra.Command {
	var flags home.HubFlags
	var relay bool
	cmd := &cobra.Command{
		Use: "hub", Aliases: []string{"server"}, Short: "Run the hub", Args: onlyCommands,
		Long: `Run the hub: it keeps the conversations of your agents and relays them to your
devices. It runs until it is interrupted.

Settings come from flags, then the environment (HAPI_HOME, HAPI_LISTEN_HOST,
HAPI_LISTEN_PORT, HAPI_PUBLIC_URL, CORS_ORIGINS, CLI_API_TOKEN, DB_PATH), then
settings.json in the data directory, then defaults.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if relay {
				fmt.Fprintln(cmd.ErrOrStderr(), noTunnel)
			}
			return runHub(cmd, flags)
		},
	}
	cmd.AddCommand(newHubBackup(), newHubCheck(), newHubPrune(), newHubImport())
	cmd.Flags().StringVar(&flags.Host, "host", "", "address to listen on (default 127.0.0.1)")
	cmd.Flags().StringVar(&flags.Port, "port", "", "port to listen on (default 3006)")
	for name, on := range map[string]bool{"relay": true, "no-relay": false} { // the last one counts
		cmd.Flags().BoolFunc(name, "", func(text string) error {
			given, err := strconv.ParseBool(text)
			relay = given == on
			return err
		})
		_ = cmd.Flags().MarkHidden(name) // it was made just now
	}
	return cmd
}

// noTunnel is for those who started another program of this kind with --relay.
// The hub runs all the same, as it does there when a tunnel fails.
const noTunnel = `Warning: this hapi has no relay: --relay opens no tunnel, and nothing makes the
hub reachable from outside. Reach it by a VPN (Tailscale, WireGuard), by your own
reverse proxy with HTTPS, or by a tunnel that you run beside it (cloudflared), and
set HAPI_PUBLIC_URL to that address. See docs/security.md, "How to put it on a
network". --no-relay, or neither, ends this warning.`

func runHub(cmd *cobra.Command, flags home.HubFlags) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	dir, err := home.Open(os.LookupEnv)
	if err != nil {
		return err
	}
	c, err := dir.Hub(ctx, flags)
	if err != nil {
		return err
	}
	logger, err := newLogger(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	lock, err := dir.LockHub(c.DBPath)
	if err != nil {
		return err
	}
	printHub(out, dir, c)
	err = serveHub(cmd, c, lock, logger)
	return errors.Join(err, lock.Release())
}

func serveHub(cmd *cobra.Command, c *home.Hub, lock *home.HubLock, logger *slog.Logger) error {
	ctx := cmd.Context()
	listener, err := listen(cmd, c)
	if err != nil {
		return err
	}
	h, err := hub.Open(ctx, c, hub.Options{Logger: logger})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	address := localURL(listener.Addr())
	if err := lock.Announce(address); err != nil {
		logger.Warn("who holds the data directory was not written down", "err", err)
	}
	return h.Serve(ctx, listener, func() {
		fmt.Fprintf(cmd.OutOrStdout(), "\nThe hub is ready at %s\n", address)
	})
}

func listen(cmd *cobra.Command, c *home.Hub) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(cmd.Context(), "tcp", c.Address())
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use; a hub may be running already: stop it, or choose another port with --port", c.Address())
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", c.Address(), err)
	}
	return listener, nil
}

func printHub(w io.Writer, dir *home.Home, c *home.Hub) {
	fmt.Fprintf(w, "hapi hub %s\n", version)
	if len(c.Persisted) > 0 {
		fmt.Fprintf(w, "Kept for the next start in %s: %v\n", dir.SettingsPath(), c.Persisted)
	}
	if c.Token.From == home.Generated {
		fmt.Fprintf(w, `
┌──────────────────────────────────────────────────────────┐
  Your access token, made just now. It opens this hub:

  %s

  It is kept in %s
└──────────────────────────────────────────────────────────┘

`, c.Token.Text, dir.SettingsPath())
	} else {
		fmt.Fprintf(w, "Access token: from %s\n", c.Token.From)
	}
	if c.WeakToken {
		fmt.Fprintln(w, "Warning: this token is easily guessed. Use at least 16 random characters.")
	}
	for _, line := range []struct {
		name string
		v    home.Value
	}{{"Listen host", c.Host}, {"Listen port", c.Port}, {"Public URL", c.PublicURL}} {
		fmt.Fprintf(w, "%s: %s (%s)\n", line.name, line.v.Text, line.v.From)
	}
	fmt.Fprintf(w, "Database: %s\n", c.DBPath)
}

// localURL is where a person on this machine finds the hub.
func localURL(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
