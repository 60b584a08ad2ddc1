package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

const startWithin = 20 * time.Second

// target is the hub under load.
type target struct {
	url, token string
	pid        int // 0: not known
	healthy    time.Duration

	dir string
	cmd *exec.Cmd
}

// startHub starts a hub with an empty data directory of its own.
func startHub(ctx context.Context, binary string) (*target, error) {
	dir, err := os.MkdirTemp("", "hapi-bench-")
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(address)
	h := &target{url: "http://" + address, token: "bench-token-0123456789", dir: dir}
	h.cmd = exec.CommandContext(ctx, binary, "hub")
	h.cmd.Env = append(os.Environ(), "HAPI_HOME="+dir, "HAPI_LISTEN_HOST=127.0.0.1", "HAPI_LISTEN_PORT="+port, "CLI_API_TOKEN="+h.token, "DB_PATH=")
	h.cmd.Stderr = os.Stderr
	begin := time.Now()
	if err := h.cmd.Start(); err != nil {
		return nil, err
	}
	h.pid = h.cmd.Process.Pid
	for time.Since(begin) < startWithin {
		if res, err := http.Get(h.url + "/health"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				h.healthy = time.Since(begin)
				return h, nil
			}
		}
		time.Sleep(time.Millisecond)
	}
	h.stop()
	return nil, fmt.Errorf("the hub was not healthy within %s", startWithin)
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// stop ends a hub that startHub started.
func (h *target) stop() {
	_ = h.cmd.Process.Signal(os.Interrupt)
	_ = h.cmd.Wait()
	_ = os.RemoveAll(h.dir)
}

// signIn gives a session token for people's routes.
func (h *target) signIn(ctx context.Context) (string, error) {
	var grant struct {
		Token string `json:"token"`
	}
	err := h.post(ctx, "/api/auth", "", map[string]string{"accessToken": h.token}, &grant)
	return grant.Token, err
}

// newSession makes a session's row.
func (h *target) newSession(ctx context.Context, tag string) (string, error) {
	var made struct {
		Session struct {
			ID string `json:"id"`
		} `json:"session"`
	}
	err := h.post(ctx, "/cli/sessions", h.token, map[string]any{
		"tag": tag, "agentState": map[string]any{},
		"metadata": map[string]any{"path": "/bench", "host": "bench", "flavor": "claude", "lifecycleState": "running"},
	}, &made)
	return made.Session.ID, err
}

func (h *target) post(ctx context.Context, path, bearer string, in, out any) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("POST %s: %s %s", path, res.Status, strings.TrimSpace(string(body)))
	}
	return json.Unmarshal(body, out)
}
