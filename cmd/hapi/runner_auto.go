package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"hapi/internal/control"
	"hapi/internal/home"
	"hapi/internal/runner"
)

const (
	// runnerSeenWithin is how long a session waits for the runner it started, so
	// that it can report to it; the runner comes up whether or not it is in time.
	runnerSeenWithin = 200 * time.Millisecond
	runnerSeenEvery  = 10 * time.Millisecond
)

// ensureRunner starts a runner for this machine in the background, unless there
// is one or its owner does not want it. One that works for another hub is left
// alone: it may be somebody's service, with limits of its own.
func ensureRunner(ctx context.Context, data *home.Home, c *home.Client, log *slog.Logger, warn io.Writer) {
	wanted, err := data.StartsRunner()
	if err != nil || !wanted {
		return // settings that cannot be read were complained of before
	}
	other, _, err := control.Dial(ctx, data.Dir)
	switch {
	case err == nil:
		if s := other.State; s.APIURL != c.APIURL.Text || string(s.MachineID) != c.MachineID || s.TokenHash != runner.HashOf(c.Token.Text) {
			fmt.Fprintf(warn, "Warning: the runner of this machine (pid %d) works for %s with another access token or machine id, not for this session's hub. `hapi runner start` replaces it.\n", s.PID, s.APIURL)
		}
		return
	case !errors.Is(err, control.ErrNotRunning):
		log.Warn("nobody knows whether a runner is running", "err", err)
		return
	}
	roots, err := runner.LastRoots(data)
	var d *daemon
	if err == nil {
		d, err = detach(data, roots)
	}
	if err != nil {
		log.Warn("no runner was started for this machine", "err", err)
		return
	}
	go func() { // ends with the daemon, or with us
		<-d.ended
		raw, _ := os.ReadFile(d.output) // what is there is told
		log.Warn("the runner that was started for this machine has ended", "said", string(raw))
	}()
	d.awaitSeen(ctx, data)
}

// awaitSeen waits a moment until the daemon can be reported to.
func (d *daemon) awaitSeen(ctx context.Context, data *home.Home) {
	limit := time.After(runnerSeenWithin)
	tick := time.NewTicker(runnerSeenEvery)
	defer tick.Stop()
	for {
		if s, err := control.ReadState(data.Dir); err == nil && s.PID == d.cmd.Process.Pid {
			_ = os.Remove(d.output) // it has a log of its own now
			return
		}
		select {
		case <-tick.C:
		case <-d.ended:
			return
		case <-limit:
			return
		case <-ctx.Done():
			return
		}
	}
}
