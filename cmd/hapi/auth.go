package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"hapi/internal/home"
	"hapi/internal/hubclient"
	"hapi/internal/wire"
)

func newAuth() *cobra.Command {
	cmd := &cobra.Command{Use: "auth", Short: "Sign this machine in to its hub"}
	cmd.AddCommand(newAuthStatus(), newAuthLogin(), newAuthLogout())
	return group(cmd)
}

func newAuthStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say which hub and token are used", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := home.Open(os.LookupEnv)
			if err != nil {
				return err
			}
			s, err := dir.Standing()
			if err != nil {
				return err
			}
			token, from := "set", string(s.Token.From)
			if s.Token.Text == "" {
				token, from = "missing", "none"
			}
			machine := s.MachineID
			if machine == "" {
				machine = "made at the first session"
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "Hub: %s (%s)\nAccess token: %s (%s)\nMachine: %s (%s)\nData: %s\n",
				s.APIURL.Text, s.APIURL.From, token, from, s.Hostname, machine, dir.Dir)
			if s.Token.Text == "" {
				fmt.Fprintln(out, "\nThe hub shows its access token at its first start, and keeps it in its settings.json as cliApiToken.\nSign in with `hapi auth login`.")
			}
			return nil
		},
	}
}

func newAuthLogin() *cobra.Command {
	var hub string
	var fromStdin bool
	cmd := &cobra.Command{
		Use: "login", Short: "Keep an access token for this machine", Args: cobra.NoArgs,
		Long: `Ask for the hub's access token, try it, and keep it in settings.json. The hub
shows it at its first start.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return login(cmd, hub, fromStdin) },
	}
	cmd.Flags().StringVar(&hub, "url", "", "address of the hub, to be kept too")
	cmd.Flags().BoolVar(&fromStdin, "token-stdin", false, "read the token from standard input")
	return cmd
}

func login(cmd *cobra.Command, hub string, fromStdin bool) error {
	dir, err := home.Open(os.LookupEnv)
	if err != nil {
		return err
	}
	s, err := dir.Standing()
	if err != nil {
		return err
	}
	if hub = strings.TrimRight(hub, "/"); hub != "" {
		if u, err := url.Parse(hub); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("%q is not an http or https URL", hub)
		}
	}
	target := hub
	if target == "" {
		target = s.APIURL.Text
	}
	token, err := askToken(cmd, target, fromStdin)
	if err != nil {
		return err
	}
	if err := tryToken(cmd, target, token); err != nil {
		return err
	}
	if err := dir.SignIn(cmd.Context(), token, hub); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "The token is kept in %s.\n", dir.SettingsPath())
	if os.Getenv("CLI_API_TOKEN") != "" {
		fmt.Fprintln(cmd.OutOrStdout(), "CLI_API_TOKEN is set in the environment and is used instead of it.")
	}
	return nil
}

// askToken asks at the terminal without showing it, or reads it.
func askToken(cmd *cobra.Command, hub string, fromStdin bool) (string, error) {
	var raw []byte
	var err error
	switch {
	case fromStdin:
		raw, err = bufio.NewReader(cmd.InOrStdin()).ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
	case !term.IsTerminal(int(os.Stdin.Fd())):
		return "", errors.New("there is no terminal to ask at: use --token-stdin, or set CLI_API_TOKEN")
	default:
		fmt.Fprintf(cmd.ErrOrStderr(), "Access token of %s: ", hub)
		raw, err = term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(cmd.ErrOrStderr())
	}
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	token := strings.TrimSpace(string(raw))
	if token == "" {
		return "", errors.New("no token was given; nothing is changed")
	}
	return token, nil
}

// tryToken asks the hub whether it takes the token. A hub that is away cannot
// say so.
func tryToken(cmd *cobra.Command, hub, token string) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), 10*time.Second)
	defer cancel()
	client := hubclient.New(hubclient.Options{BaseURL: hub, Token: token})
	_, err := client.Resumable(ctx, wire.MachineID("none"))
	var refused *hubclient.StatusError
	switch {
	case err == nil:
		fmt.Fprintf(cmd.OutOrStdout(), "The hub at %s takes the token.\n", hub)
	case errors.As(err, &refused) && (refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden):
		return fmt.Errorf("the hub at %s does not take this token: %s. Nothing is changed", hub, refused.Text)
	default:
		fmt.Fprintf(cmd.ErrOrStderr(), "Warning: the token could not be tried: %v\n", err)
	}
	return nil
}

func newAuthLogout() *cobra.Command {
	return &cobra.Command{
		Use: "logout", Short: "Forget the access token and this machine's id", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := home.Open(os.LookupEnv)
			if err != nil {
				return err
			}
			if err := dir.SignOut(cmd.Context()); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The access token and the machine's id are no longer in %s.\n", dir.SettingsPath())
			if os.Getenv("CLI_API_TOKEN") != "" {
				fmt.Fprintln(cmd.OutOrStdout(), "CLI_API_TOKEN in the environment still signs this machine in.")
			}
			return nil
		},
	}
}
