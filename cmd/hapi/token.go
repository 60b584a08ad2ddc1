package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"hapi/internal/wire"
)

func newToken() *cobra.Command {
	cmd := &cobra.Command{
		Use: "token", Short: "Give machines, scripts and people access tokens of their own",
		Long: `Give machines, scripts and people access tokens of their own, which can be taken
back one by one. Run it where the hub's data directory is; the hub may run.

A named token is used wherever the hub's own token is: as CLI_API_TOKEN, in the
web app, at /api/auth. It opens one namespace alone. The hub's own token stays
the owner's.`,
	}
	cmd.AddCommand(newTokenCreate(), newTokenList(), newTokenRevoke())
	return group(cmd)
}

func newTokenCreate() *cobra.Command {
	var namespace, expires string
	var readOnly bool
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a token and show it, this once", Args: oneArgument("a NAME for the token"),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := map[string]any{"name": args[0], "namespace": namespace, "readOnly": readOnly}
			if expires != "" {
				days, err := parseDays("--expires", expires)
				if err != nil {
					return err
				}
				in["expiresInDays"] = days
			}
			var made wire.NewAccessToken
			if err := askOwner(cmd.Context(), http.MethodPost, "/api/tokens", in, &made); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "This token opens the namespace %q%s%s. It is shown this once:\n", made.Namespace, rights(made.ReadOnly), until(made.ExpiresAt))
			fmt.Fprintln(cmd.OutOrStdout(), made.Secret)
			return nil
		},
	}
	cmd.Flags().StringVar(&namespace, "namespace", string(wire.OwnerNamespace), "the namespace it opens")
	cmd.Flags().StringVar(&expires, "expires", "", "how long it is valid, in days, such as 90d (default: until it is revoked)")
	cmd.Flags().BoolVar(&readOnly, "read-only", false, "it may look and change nothing; no agent can use it")
	return cmd
}

func rights(readOnly bool) string {
	if readOnly {
		return ", to look and change nothing,"
	}
	return ""
}

func until(at *wire.Millis) string {
	if at == nil {
		return " until it is revoked"
	}
	return " until " + time.UnixMilli(int64(*at)).Format("2 January 2006, 15:04")
}

func newTokenList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the tokens, without their secrets", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list struct{ Tokens []wire.AccessToken }
			if err := askOwner(cmd.Context(), http.MethodGet, "/api/tokens", nil, &list); err != nil {
				return err
			}
			return printTokens(cmd.OutOrStdout(), list.Tokens, time.Now())
		},
	}
}

func printTokens(out io.Writer, list []wire.AccessToken, now time.Time) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "There are no named tokens. Make one: hapi token create NAME")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tNAMESPACE\tRIGHTS\tCREATED\tEXPIRES")
	for i := range list {
		t := &list[i]
		may := "all"
		if t.ReadOnly {
			may = "read"
		}
		expires := "never"
		if t.ExpiresAt != nil {
			at := time.UnixMilli(int64(*t.ExpiresAt))
			expires = at.Format(time.DateOnly)
			if !now.Before(at) {
				expires += " (expired)"
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", t.Name, t.Namespace, may, time.UnixMilli(int64(t.CreatedAt)).Format(time.DateOnly), expires)
	}
	return w.Flush()
}

func newTokenRevoke() *cobra.Command {
	return &cobra.Command{
		Use: "revoke NAME", Short: "End a token for good, and what was let in by it", Args: oneArgument("the NAME of the token"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var done struct{ OK bool }
			if err := askOwner(cmd.Context(), http.MethodDelete, "/api/tokens/"+url.PathEscape(args[0]), nil, &done); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is revoked: nobody is let in by it any more.\n", args[0])
			return nil
		},
	}
}
