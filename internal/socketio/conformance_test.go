package socketio

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/nodetest"
)

const conformanceDir = "testdata/conformance"

// installOfficial installs the official client and server once per run.
var installOfficial = sync.OnceValue(func() error { return nodetest.Install(context.Background(), conformanceDir) })

func needOfficial(t *testing.T) {
	t.Helper()
	if err := installOfficial(); err != nil {
		t.Fatal(err)
	}
}

func TestOfficialClientAgainstOurServer(t *testing.T) {
	t.Parallel()
	needOfficial(t)
	scenarios := []string{
		"websocket", "polling", "upgrade", "upgradeUnderLoad", "reconnect", "badNamespace", "badAuth",
		"transientRefusal", "twoNamespaces", "sentAway", "bigWebsocket", "bigPolling", "tooBigWebsocket",
		"tooBigPolling", "binary",
	}
	for _, scenario := range scenarios {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			_, url := testServer(t, ServerOptions{})
			runOfficialClient(t, url, scenario)
		})
	}
	t.Run("heartbeat", func(t *testing.T) {
		t.Parallel()
		_, url := testServer(t, ServerOptions{PingInterval: 50 * time.Millisecond, PingTimeout: 5 * time.Second})
		runOfficialClient(t, url, "heartbeat")
	})
}

func runOfficialClient(t *testing.T, url, scenario string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "client.mjs", url, scenario)
	node.Dir = conformanceDir
	if out, err := node.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestOurClientAgainstOfficialServer(t *testing.T) {
	t.Parallel()
	needOfficial(t)
	url := officialServer(t)
	for name, transports := range map[string][]string{
		"websocket": {"websocket"}, "polling": {"polling"}, "upgrade": {"polling", "websocket"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTestClient(t, url, ClientOptions{Namespace: "/cli", Transports: transports, Auth: goodToken})
			c.waitConnected(t)
			c.exchange(t)
			if name == "upgrade" {
				c.waitFor(t, "the upgrade", func() bool {
					return string(c.call(t, "transport")[0]) == `"websocket"`
				})
				c.exchange(t)
			}
		})
	}
	t.Run("reconnect", func(t *testing.T) {
		t.Parallel()
		c := newTestClient(t, url, ClientOptions{Namespace: "/cli", Auth: goodToken})
		c.waitConnected(t)
		if err := c.Emit("drop"); err != nil {
			t.Fatal(err)
		}
		<-c.disconnected
		c.waitConnected(t)
		c.exchange(t)
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		c := newTestClient(t, url, ClientOptions{Namespace: "/cli", RefusedRetry: 10 * time.Millisecond, Auth: func() any {
			return map[string]string{"token": "bad"}
		}})
		for range 2 { // it goes on trying
			err := <-c.refused
			want := &ConnectError{Message: "Invalid token", Data: json.RawMessage(`{"hint":"log in"}`)}
			if diff := cmp.Diff(error(want), err); diff != "" {
				t.Fatalf("refusal (-want +got):\n%s", diff)
			}
		}
	})
	t.Run("big", func(t *testing.T) {
		t.Parallel()
		c := newTestClient(t, url, ClientOptions{Namespace: "/cli", Auth: goodToken})
		c.waitConnected(t)
		if got := string(c.call(t, "length", strings.Repeat("x", 40<<20))[0]); got != "41943040" {
			t.Errorf("the server saw %s characters", got)
		}
		if got := len(c.call(t, "make", 40<<20)[0]); got != 40<<20+2 {
			t.Errorf("got %d bytes", got)
		}
	})
}

func officialServer(t *testing.T) string {
	t.Helper()
	node := exec.Command("node", "server.mjs", "100") // ms between pings
	node.Dir = conformanceDir
	stdin, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = node.Wait()
	})
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port)
}

func goodToken() any { return map[string]string{"token": "good"} }

// testClient is a running Client with channels for what happens to it.
type testClient struct {
	*Client
	connected    chan struct{}
	disconnected chan error
	refused      chan error
	flood        chan int
}

func newTestClient(t *testing.T, url string, o ClientOptions) *testClient {
	t.Helper()
	o.ReconnectMin, o.ReconnectMax = time.Millisecond, 20*time.Millisecond
	o.Logger = failOnError(t)
	c := &testClient{
		Client:    NewClient(url, o),
		connected: make(chan struct{}, 100), disconnected: make(chan error, 100), refused: make(chan error, 100),
		flood: make(chan int, 10000),
	}
	c.OnConnect(func() { c.connected <- struct{}{} })
	c.OnDisconnect(func(err error) { c.disconnected <- err })
	c.OnRefused(func(err error) {
		select {
		case c.refused <- err:
		default:
		}
	})
	c.Handle("question", func(args []json.RawMessage, ack Ack) {
		var n int
		_ = json.Unmarshal(args[0], &n)
		ack(map[string]int{"doubled": 2 * n})
	})
	c.Handle("flood", func(args []json.RawMessage, _ Ack) {
		var i int
		_ = json.Unmarshal(args[0], &i)
		c.flood <- i
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
	})
	return c
}

func (c *testClient) waitConnected(t *testing.T) {
	t.Helper()
	select {
	case <-c.connected:
	case <-t.Context().Done():
		t.Fatal("not connected")
	}
}

// waitFor waits until a condition holds that the peer brings about.
func (c *testClient) waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for !holds() {
		if t.Context().Err() != nil {
			t.Fatalf("waiting for %s", what)
		}
	}
}

func (c *testClient) call(t *testing.T, event string, args ...any) []json.RawMessage {
	t.Helper()
	reply, err := c.Call(t.Context(), event, args...)
	if err != nil {
		t.Fatalf("%s: %v", event, err)
	}
	return reply
}

// exchange talks in both directions.
func (c *testClient) exchange(t *testing.T) {
	t.Helper()
	if got, want := string(c.call(t, "echo", 1, "ü\n", map[string]any{"a": nil})[0]), `[1,"ü\n",{"a":null}]`; got != want {
		t.Errorf("echo: got %s, want %s", got, want)
	}
	if got, want := string(c.call(t, "ask", 21)[0]), `{"doubled":42}`; got != want {
		t.Errorf("ask: got %s, want %s", got, want)
	}
	if err := c.Emit("flood", 1000); err != nil {
		t.Fatal(err)
	}
	for want := range 1000 {
		if got := <-c.flood; got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
	}
}
