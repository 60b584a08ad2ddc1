package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"hapi/internal/home"
)

func newAuth() *cobra.Command {
	cmd := &cobra.Command{Use: "auth", Short: "See how this machine signs in to its hub"}
	cmd.AddCommand(&cobra.Command{
		Use: "status", Short: "Say which hub and token are used", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := home.Open(os.LookupEnv)
			if err != nil {
				return err
			}
			c, err := dir.Client(cmd.Context())
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "Hub: %s (%s)\nAccess token: set (%s)\nMachine: %s (%s)\nData: %s\n",
				c.APIURL.Text, c.APIURL.From, c.Token.From, c.Hostname, c.MachineID, dir.Dir)
			return nil
		},
	})
	return cmd
}
