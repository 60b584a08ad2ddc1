package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"time"

	"hapi/internal/agent/child"
	"hapi/internal/home"
)

// How long a hub that is started along with a session may take.
const (
	hubWithin = 10 * time.Second
	hubTry    = time.Second
	hubEvery  = 200 * time.Millisecond
)

// alongside starts the hub of this machine, if the session's hub is to be here
// and does not run. It ends with the session. late: nobody waits for it yet.
func alongside(ctx context.Context, c *home.Client, warn io.Writer, late bool) (stop func(), err error) {
	u, err := url.Parse(c.APIURL.Text)
	if err != nil || !c.LocalHub() {
		return func() {}, err
	}
	dialer := net.Dialer{Timeout: hubTry}
	if conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", u.Port())); err == nil {
		return func() {}, conn.Close()
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), exe, "hub")
	child.OwnGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the hub: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // what it was to say went to nobody
	}()
	if late {
		return func() { child.Kill(cmd, ended) }, nil
	}
	if err := awaitHub(ctx, c.APIURL.Text, ended); err != nil {
		fmt.Fprintf(warn, "Warning: the hub of this machine does not answer: %v\n", err)
	}
	return func() { child.Kill(cmd, ended) }, nil
}

var errHubEnded = errors.New("it ended; see what `hapi hub` says")

func awaitHub(ctx context.Context, base string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, hubWithin)
	defer cancel()
	client := &http.Client{Timeout: hubTry}
	tick := time.NewTicker(hubEvery)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/health", nil)
		if err != nil {
			return err
		}
		if res, err := client.Do(req); err == nil {
			_ = res.Body.Close() // only its status counts
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ended:
			return errHubEnded
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
