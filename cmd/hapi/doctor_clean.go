package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"hapi/internal/control"
	"hapi/internal/home"
	"hapi/internal/runner"
)

func newDoctorClean() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "clean", Short: "End the runner of this machine and the sessions it started", Args: cobra.NoArgs,
		Long: `End the runner of this machine and every session that a runner started here, with
all that belongs to them. Only processes that a runner wrote down, and that are
still the ones it wrote down, are ended; sessions in terminals stay. At a terminal
you are asked first.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return clean(cmd, yes) },
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func clean(cmd *cobra.Command, yes bool) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	data, err := home.Open(os.LookupEnv)
	if err != nil {
		return err
	}
	daemon, _, err := control.Dial(ctx, data.Dir)
	if err != nil {
		daemon = nil
	}
	sessions, err := runner.Started(data)
	if err != nil {
		return err
	}
	if daemon == nil && len(sessions) == 0 {
		fmt.Fprintln(out, "There is nothing to clean up.")
		return nil
	}
	if daemon != nil {
		fmt.Fprintf(out, "runner   pid %-8d %s\n", daemon.State.PID, strings.Join(daemon.State.Argv, " "))
	}
	for _, s := range sessions {
		fmt.Fprintf(out, "session  pid %-8d %s  %s\n", s.PID, s.Session, s.Directory)
	}
	if !yes && term.IsTerminal(int(os.Stdin.Fd())) && !agreed(cmd, "End all of these?") {
		return errors.New("nothing was ended")
	}
	ended := 0
	if daemon != nil { // it goes first, so that it starts nothing more
		if daemon.State.Supervised {
			fmt.Fprintln(out, "The runner is kept running by a service: stop it through that service.")
		} else if err := endRunner(ctx, daemon); err != nil {
			return err
		} else {
			ended++
		}
	}
	left := 0
	for _, s := range sessions {
		if s.End(ctx) {
			ended++
		} else {
			left++
		}
	}
	fmt.Fprintf(out, "Ended: %d\n", ended)
	if left > 0 {
		return fmt.Errorf("%d of the sessions could not be ended; see `hapi runner list`", left)
	}
	return nil
}

// agreed asks a person at the terminal.
func agreed(cmd *cobra.Command, question string) bool {
	fmt.Fprintf(cmd.OutOrStdout(), "%s [y/N] ", question)
	line, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n') // nothing is no
	line = strings.ToLower(strings.TrimSpace(line))
	return line == "y" || line == "yes"
}
