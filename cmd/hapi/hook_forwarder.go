package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"hapi/internal/agent/hook"
)

// forwardWithin is how long an agent may wait for a hook of ours.
const forwardWithin = time.Second

// newHookForwarder is what agents call at their hooks. It tells the session
// process what the agent told it, and nothing to the agent: no hook of ours
// decides.
func newHookForwarder() *cobra.Command {
	var port, token, flavor, event string
	var fromEnv bool
	cmd := &cobra.Command{
		Use: "hook-forwarder [PORT TOKEN]", Short: "Tell a session of its agent's hooks (called by agents)", Hidden: true, Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			payload, err := io.ReadAll(cmd.InOrStdin()) // always to the end: the agent writes all of it
			if err != nil {
				return fmt.Errorf("[hook-forwarder] read the event: %w", err)
			}
			if fromEnv {
				port, token = os.Getenv(hook.PortVariable), os.Getenv(hook.TokenVariable)
			}
			if len(args) == 2 {
				port, token = args[0], args[1]
			}
			if port == "" || token == "" {
				return errors.New("[hook-forwarder] the port and the token of the session are missing")
			}
			if err := forward(cmd.Context(), port, token, payload); err != nil && os.Getenv("DEBUG") != "" {
				fmt.Fprintln(cmd.ErrOrStderr(), "[hook-forwarder]", err)
			}
			return nil // an agent goes on without us
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&port, "port", "p", "", "port of the session's hook server")
	flags.StringVarP(&token, "token", "t", "", "its token")
	flags.StringVar(&flavor, "flavor", "claude", "the agent")
	flags.StringVar(&event, "event", "", "the event, for agents that do not say it")
	flags.BoolVar(&fromEnv, "from-env", false, "take port and token from "+hook.PortVariable+" and "+hook.TokenVariable)
	return cmd
}

func forward(ctx context.Context, port, token string, payload []byte) error {
	ctx, cancel := context.WithTimeout(ctx, forwardWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1:"+port+hook.Path, bytes.NewReader(payload))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(hook.TokenHeader, token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // only its status counts
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the session answered %s", res.Status)
	}
	return nil
}
