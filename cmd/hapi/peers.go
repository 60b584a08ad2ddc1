package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hapi/internal/home"
	"hapi/internal/peers"
)

// peersOf is how this machine reads and messages sessions: at its own hub only.
func peersOf(c *home.Client) *peers.Client {
	return &peers.Client{BaseURL: c.APIURL.Text, Token: c.Token.Text, Headers: c.Headers}
}

func openPeers(cmd *cobra.Command) (*peers.Client, error) {
	data, err := home.Open(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	c, err := data.Client(cmd.Context())
	if err != nil {
		return nil, &peers.Error{Kind: peers.Unusable, Text: err.Error()}
	}
	return peersOf(c), nil
}

// peerFailure says what happened and ends with the code for its kind.
func peerFailure(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "Error:", err)
	var known *peers.Error
	if errors.As(err, &known) {
		return exitCode(known.Kind)
	}
	return exitCode(peers.Other)
}

// defaultWait is how long a message waits for a session to be resumed.
const defaultWait = 60 * time.Second

func newPingPeer() *cobra.Command {
	var file, wait string
	var list bool
	cmd := &cobra.Command{
		Use: "ping-peer SESSION MESSAGE", Short: "Send a message to another session", Args: cobra.ArbitraryArgs,
		Long: `Send a message to another session of your hub. SESSION is its id, the beginning
of it, or a citation that contains /sessions/<id>. A session that does not run is
resumed first.

Exit codes: 0 delivered; 2 wrong arguments, not signed in, or no such session;
3 it could not be resumed; 4 it took too long or was refused; 1 anything else.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return peerFailure(cmd, ping(cmd, args, file, wait, list))
		},
	}
	cmd.Flags().StringVar(&file, "message-file", "", "read the message from a file; - is standard input")
	cmd.Flags().StringVar(&wait, "wait", "", "seconds to wait for a resumed session (default HAPI_WAIT_ACTIVE_SECS, else 60)")
	cmd.Flags().BoolVar(&list, "list", false, "list the sessions that were used last")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return peerFailure(cmd, &peers.Error{Kind: peers.Unusable, Text: err.Error()})
	})
	return cmd
}

func ping(cmd *cobra.Command, args []string, file, wait string, list bool) error {
	out := cmd.OutOrStdout()
	if list {
		client, err := openPeers(cmd)
		if err != nil {
			return err
		}
		text, err := client.List(cmd.Context(), peers.DefaultLimit, "")
		if err == nil {
			fmt.Fprintln(out, text)
		}
		return err
	}
	patience, err := waitFor(wait)
	if err != nil {
		return err
	}
	session, message, err := pingArguments(cmd, args, file)
	if err != nil {
		return err
	}
	client, err := openPeers(cmd)
	if err != nil {
		return err
	}
	d, err := client.Ping(cmd.Context(), session, message, patience, func(text string) { fmt.Fprintln(out, text+" …") })
	if err == nil {
		fmt.Fprintf(out, "OK: delivered to %s (%s)\n", d.ID, d.Name)
	}
	return err
}

func pingArguments(cmd *cobra.Command, args []string, file string) (session, message string, err error) {
	switch {
	case len(args) == 0:
		return "", "", &peers.Error{Kind: peers.Unusable, Text: "which session? See hapi ping-peer --list"}
	case file != "" && len(args) > 1:
		return "", "", &peers.Error{Kind: peers.Unusable, Text: "give the message or --message-file, not both"}
	case file == "" && len(args) == 1:
		return "", "", &peers.Error{Kind: peers.Unusable, Text: "the message is missing"}
	case file == "":
		return args[0], strings.Join(args[1:], " "), nil
	}
	var raw []byte
	if file == "-" {
		raw, err = io.ReadAll(cmd.InOrStdin())
	} else {
		raw, err = os.ReadFile(file)
	}
	if err != nil {
		return "", "", &peers.Error{Kind: peers.Unusable, Text: "read the message: " + err.Error()}
	}
	return args[0], string(raw), nil
}

func waitFor(flag string) (time.Duration, error) {
	text := flag
	if text == "" {
		text = os.Getenv("HAPI_WAIT_ACTIVE_SECS")
	}
	if text == "" {
		return defaultWait, nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || seconds <= 0 || seconds > 86400 {
		return 0, &peers.Error{Kind: peers.Unusable, Text: fmt.Sprintf("%q is no number of seconds to wait", text)}
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

func newInspectPeer() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "inspect-peer SESSION", Short: "Report on another session and what was said there last", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return peerFailure(cmd, func() error {
				if len(args) != 1 {
					return &peers.Error{Kind: peers.Unusable, Text: "name one session: its id, the beginning of it, or a citation"}
				}
				client, err := openPeers(cmd)
				if err != nil {
					return err
				}
				text, err := client.Inspect(cmd.Context(), args[0], peers.Limit(limit))
				if err == nil {
					fmt.Fprintln(cmd.OutOrStdout(), text)
				}
				return err
			}())
		},
	}
	cmd.Flags().IntVar(&limit, "limit", peers.DefaultLimit, "how many messages, 1 to 100")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return peerFailure(cmd, &peers.Error{Kind: peers.Unusable, Text: err.Error()})
	})
	return cmd
}
