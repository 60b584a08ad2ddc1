package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestEventsReachARoomButNotTheirSender(t *testing.T) {
	t.Parallel()
	s, url := testServer(t, ServerOptions{})
	heard := make(chan string, 10)
	member := func(name string) *testClient {
		c := newTestClient(t, url, ClientOptions{Namespace: "/cli", Auth: func() any {
			return map[string]any{"token": "good", "rooms": []string{"r"}}
		}})
		c.Handle("shouted", func(args []json.RawMessage, _ Ack) { heard <- name + string(args[0]) })
		c.waitConnected(t)
		return c
	}
	a := member("a")
	member("b")
	a.call(t, "shout", "r", "!")
	if got := <-heard; got != `b"!"` {
		t.Errorf("got %s, want it to reach b", got)
	}
	a.call(t, "echo") // a would have been told before this answer
	if len(heard) != 0 {
		t.Errorf("the sender heard itself: %s", <-heard)
	}
	if got := len(s.namespaces["/cli"].Members("r")); got != 2 {
		t.Errorf("%d members, want 2", got)
	}
}

func TestCallFailsAtOnceWhenThePeerGoes(t *testing.T) {
	t.Parallel()
	s, url := testServer(t, ServerOptions{})
	ctx, stop := context.WithCancel(t.Context())
	c := NewClient(url, ClientOptions{Namespace: "/cli", Auth: func() any {
		return map[string]any{"token": "good", "rooms": []string{"r"}}
	}})
	asked := make(chan struct{})
	c.Handle("question", func([]json.RawMessage, Ack) { close(asked) }) // never answers
	ended := make(chan error)
	connected := make(chan struct{})
	c.OnConnect(func() { close(connected) })
	go func() { ended <- c.Run(ctx) }()
	<-connected
	peer := s.namespaces["/cli"].Members("r")[0]
	failed := make(chan error, 1)
	go func() {
		_, err := peer.Call(context.Background(), "question")
		failed <- err
	}()
	<-asked
	stop()
	if err := <-failed; !errors.Is(err, ErrDisconnected) {
		t.Errorf("got %v, want ErrDisconnected", err)
	}
	<-ended
}

func TestPanickingHandlerEndsOnlyItsConnection(t *testing.T) {
	t.Parallel()
	s := NewServer(ServerOptions{})
	declareCLI(s)
	_, url := serve(t, s)
	victim := newTestClient(t, url, ClientOptions{Namespace: "/cli", Auth: goodToken})
	victim.waitConnected(t)
	other := newTestClient(t, url, ClientOptions{Namespace: "/cli", Auth: goodToken})
	other.waitConnected(t)
	if err := victim.Emit("panic"); err != nil {
		t.Fatal(err)
	}
	<-victim.disconnected
	victim.waitConnected(t)
	other.exchange(t)
}

func TestPeerThatDoesNotReadIsDropped(t *testing.T) {
	t.Parallel()
	s, url := testServer(t, ServerOptions{WriteQueue: 1 << 20})
	conn := dialRaw(t, url)
	conn.say(t, `40/cli,{"token":"good","rooms":["r"]}`)
	conn.expect(t, `40/cli,{"sid":`)
	peer := s.namespaces["/cli"].Members("r")[0]
	text := strings.Repeat("x", 64<<10)
	var err error
	for err == nil {
		err = peer.Emit("big", text)
	}
	if !errors.Is(err, ErrSlowPeer) && !errors.Is(err, ErrDisconnected) {
		t.Errorf("got %v", err)
	}
	<-peer.Context().Done()
}

func TestSilentPeerIsDropped(t *testing.T) {
	t.Parallel()
	s, url := testServer(t, ServerOptions{PingInterval: 100 * time.Millisecond, PingTimeout: 100 * time.Millisecond})
	conn := dialRaw(t, url)
	conn.say(t, `40/cli,{"token":"good"}`)
	for {
		if _, _, err := conn.Read(t.Context()); err != nil {
			break
		}
	}
	waitNoConnections(t, s)
}

func TestConnectionThatJoinsNothingIsClosed(t *testing.T) {
	t.Parallel()
	s, url := testServer(t, ServerOptions{ConnectTimeout: 100 * time.Millisecond})
	conn := dialRaw(t, url)
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("got %v, want a normal close", err)
	}
	waitNoConnections(t, s)
}

func TestProtocolViolationsCloseTheWebsocket(t *testing.T) {
	t.Parallel()
	join := `40/cli,{"token":"good"}`
	tests := map[string][]string{
		"garbage":                       {"hello"},
		"empty packet":                  {""},
		"client ping":                   {"2"},
		"unknown packet type":           {"4"},
		"binary event":                  {join, `451-/cli,["x",{"_placeholder":true,"num":0}]`},
		"event of a foreign namespace":  {join, `42/other,["echo"]`},
		"event before joining":          {`42/cli,["echo"]`},
		"broken JSON":                   {join, `42/cli,["echo",`},
		"trailing garbage":              {join, `42/cli,["echo"]x`},
		"event that is not an array":    {join, `42/cli,{"echo":1}`},
		"event without a name":          {join, `42/cli,[]`},
		"event whose name is an object": {join, `42/cli,[{}]`},
		"reserved event":                {join, `42/cli,["disconnect"]`},
		"huge id":                       {join, `42/cli,99999999999999999999["echo"]`},
		"ack without id":                {join, `43/cli,[]`},
		"joining twice":                 {join, join},
		"join with a list":              {`40/cli,["good"]`},
		"invalid UTF-8":                 {join, "42/cli,[\"echo\",\"\xff\"]"},
		"deep nesting":                  {join, `42/cli,["echo",` + strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20) + `]`},
		"close packet":                  {join, "1"},
	}
	for name, packets := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, url := testServer(t, ServerOptions{})
			conn := dialRaw(t, url)
			for _, p := range packets {
				conn.say(t, p)
			}
			var err error
			for err == nil {
				_, _, err = conn.Read(t.Context())
			}
			if name != "close packet" && websocket.CloseStatus(err) != websocket.StatusNormalClosure {
				t.Errorf("got %v, want a normal close", err)
			}
			waitNoConnections(t, s)
		})
	}
}

func TestOddButLegalPackets(t *testing.T) {
	t.Parallel()
	_, url := testServer(t, ServerOptions{})
	conn := dialRaw(t, url)
	conn.say(t, `40/nowhere,`)
	conn.expect(t, `44/nowhere,{"message":"Invalid namespace"}`)
	conn.say(t, `40/cli?x=1,{"token":"good"}`) // the transport stays open after a refusal
	conn.expect(t, `40/cli,{"sid":`)
	conn.say(t, `42/cli,["nobody handles this",{}]`)
	conn.say(t, `42/cli,[5]`)
	conn.say(t, `43/cli,77["an answer nobody waits for"]`)
	conn.say(t, `6`)
	conn.say(t, ` 42/cli`[1:]+`,7[ "echo" , 1 , "a]\"," , {"b":[ ]} ]`)
	conn.expect(t, `43/cli,7[[1,"a]\",",{"b":[]}]]`)
	conn.say(t, `42/cli,8["shout","empty",1]`)
	conn.expect(t, `43/cli,8[]`)
	conn.say(t, `41/cli,`)
	conn.say(t, `40/other`)
	conn.expect(t, `40/other,{"sid":`)
}

func TestHandshakeErrors(t *testing.T) {
	t.Parallel()
	_, url := testServer(t, ServerOptions{AllowOrigin: func(o string) bool { return o == "https://friend.example" }})
	tests := map[string]struct {
		method, query, origin string
		upgrade               bool
		status                int
		body                  string
	}{
		"no transport":              {"GET", "EIO=4", "", false, 400, `{"code":0,"message":"Transport unknown"}`},
		"odd transport":             {"GET", "EIO=4&transport=pigeon", "", false, 400, `{"code":0,"message":"Transport unknown"}`},
		"unknown sid":               {"GET", "EIO=4&transport=polling&sid=x", "", false, 400, `{"code":1,"message":"Session ID unknown"}`},
		"post without sid":          {"POST", "EIO=4&transport=polling", "", false, 400, `{"code":2,"message":"Bad handshake method"}`},
		"head":                      {"HEAD", "EIO=4&transport=polling", "", false, 400, ``},
		"old protocol":              {"GET", "EIO=3&transport=polling", "", false, 400, `{"code":5,"message":"Unsupported protocol version"}`},
		"no protocol":               {"GET", "transport=polling", "", false, 400, `{"code":5,"message":"Unsupported protocol version"}`},
		"websocket without upgrade": {"GET", "EIO=4&transport=websocket", "", false, 200, `0{"sid":"`},
		"foreign origin":            {"GET", "EIO=4&transport=polling", "https://evil.example", false, 403, `{"code":4,"message":"Origin not allowed"}`},
		"foreign origin upgrades":   {"GET", "EIO=4&transport=websocket", "https://evil.example", true, 403, `{"code":4,"message":"Origin not allowed"}`},
		"known origin":              {"GET", "EIO=4&transport=polling", "https://friend.example", false, 200, `0{"sid":"`},
		"own origin":                {"GET", "EIO=4&transport=polling", url, false, 200, `0{"sid":"`},
		"preflight":                 {"OPTIONS", "EIO=4&transport=polling", "https://evil.example", false, 204, ``},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := newRequest(t, tt.method, url+"/socket.io/?"+tt.query, "")
			if tt.origin != "" {
				req.Header.Set("Origin", tt.origin)
			}
			if tt.upgrade {
				req.Header.Set("Connection", "Upgrade")
				req.Header.Set("Upgrade", "websocket")
			}
			res, body := do(t, req)
			if res.StatusCode != tt.status || !strings.HasPrefix(body, tt.body) {
				t.Errorf("got %d %q, want %d %q", res.StatusCode, body, tt.status, tt.body)
			}
			wantOrigin := "false"
			if tt.status == 200 && tt.origin != "" {
				wantOrigin = tt.origin
			}
			if got := res.Header.Get("Access-Control-Allow-Origin"); got != wantOrigin {
				t.Errorf("Access-Control-Allow-Origin: got %q, want %q", got, wantOrigin)
			}
			if got := res.Header.Values("Vary"); len(got) == 0 || got[0] != "Origin" {
				t.Errorf("Vary: got %q", got)
			}
		})
	}
	if res, body := do(t, newRequest(t, "GET", url+"/socket.io/deeper", "")); res.StatusCode != 404 || body != "" {
		t.Errorf("below the path: got %d %q", res.StatusCode, body)
	}
}

func TestPollingRules(t *testing.T) {
	t.Parallel()
	t.Run("a second poll in parallel ends the connection", func(t *testing.T) {
		t.Parallel()
		s, url := testServer(t, ServerOptions{})
		p := openPoll(t, url)
		first := make(chan string, 1)
		go func() {
			_, body := do(t, newRequest(t, "GET", p, ""))
			first <- body
		}()
		waitForPoll(t, s)
		if res, body := do(t, newRequest(t, "GET", p, "")); res.StatusCode != 400 || body != "" {
			t.Errorf("second poll: got %d %q", res.StatusCode, body)
		}
		if got := <-first; got != "1" {
			t.Errorf("first poll: got %q, want 1", got)
		}
		waitNoConnections(t, s)
	})
	t.Run("an undecodable body is answered ok and ends the connection", func(t *testing.T) {
		t.Parallel()
		s, url := testServer(t, ServerOptions{})
		p := openPoll(t, url)
		if res, body := do(t, newRequest(t, "POST", p, "what?")); res.StatusCode != 200 || body != "ok" {
			t.Errorf("got %d %q", res.StatusCode, body)
		}
		waitNoConnections(t, s)
		if res, body := do(t, newRequest(t, "GET", p, "")); res.StatusCode != 400 || !strings.Contains(body, `"code":1`) {
			t.Errorf("afterwards: got %d %q", res.StatusCode, body)
		}
	})
	t.Run("an oversize body is refused", func(t *testing.T) {
		t.Parallel()
		_, url := testServer(t, ServerOptions{MaxPayload: 1000})
		p := openPoll(t, url)
		if res, _ := do(t, newRequest(t, "POST", p, strings.Repeat("4", 1001))); res.StatusCode != 413 {
			t.Errorf("got %d, want 413", res.StatusCode)
		}
	})
	t.Run("several packets in one body", func(t *testing.T) {
		t.Parallel()
		_, url := testServer(t, ServerOptions{})
		p := openPoll(t, url)
		do(t, newRequest(t, "POST", p, "40/cli,{\"token\":\"good\"}\x1e42/cli,1[\"echo\",1]\x1e42/cli,2[\"echo\",2]"))
		_, body := do(t, newRequest(t, "GET", p, ""))
		if parts := strings.Split(body, "\x1e"); len(parts) != 3 || parts[2] != `43/cli,2[[2]]` {
			t.Errorf("got %q", body)
		}
	})
}

func TestStoppingServerJustEndsConnections(t *testing.T) {
	t.Parallel()
	s := NewServer(ServerOptions{Logger: failOnError(t)})
	declareCLI(s)
	_, url := serve(t, s)
	conn := dialRaw(t, url)
	conn.say(t, `40/cli,{"token":"good"}`)
	conn.expect(t, `40/cli,`)
	p := openPoll(t, url)
	polled := make(chan error, 1)
	go func() {
		res, err := http.Get(p)
		if err == nil { // the transport tried again by itself
			res.Body.Close()
			if res.StatusCode == http.StatusBadRequest {
				err = errors.New("connection unknown")
			}
		}
		polled <- err
	}()
	waitForPoll(t, s)
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-polled; err == nil {
		t.Error("the poll was answered")
	}
	_, b, err := conn.Read(t.Context())
	if err == nil || websocket.CloseStatus(err) != -1 {
		t.Errorf("got %q, %v: want an end without a close frame", b, err)
	}
}

// rawConn is a websocket that speaks packets literally.
type rawConn struct{ *websocket.Conn }

func dialRaw(t *testing.T, url string) rawConn {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), url+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	c := rawConn{conn}
	c.expect(t, `0{"sid":"`)
	return c
}

// say sends a packet. The server may have hung up already.
func (c rawConn) say(t *testing.T, packet string) {
	t.Helper()
	_ = c.Write(t.Context(), websocket.MessageText, []byte(packet))
}

func (c rawConn) expect(t *testing.T, prefix string) {
	t.Helper()
	_, b, err := c.Read(t.Context())
	if err != nil || !strings.HasPrefix(string(b), prefix) {
		t.Fatalf("got %q, %v; want %q", b, err, prefix)
	}
}

func openPoll(t *testing.T, url string) string {
	t.Helper()
	address := url + "/socket.io/?EIO=4&transport=polling"
	_, body := do(t, newRequest(t, "GET", address, ""))
	var h handshake
	if err := json.Unmarshal([]byte(strings.TrimPrefix(body, "0")), &h); err != nil {
		t.Fatalf("handshake %q: %v", body, err)
	}
	return address + "&sid=" + h.ID
}

func newRequest(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func do(t *testing.T, req *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return &http.Response{}, ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return res, string(body)
}

func waitNoConnections(t *testing.T, s *Server) {
	t.Helper()
	waitUntil(t, "connections to end", func() bool { return s.Connections() == 0 })
}

func waitForPoll(t *testing.T, s *Server) {
	t.Helper()
	waitUntil(t, "a poll", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, e := range s.engines {
			e.mu.Lock()
			c, ok := e.carrier.(*pollCarrier)
			waits := ok && c.poll != nil
			e.mu.Unlock()
			if waits {
				return true
			}
		}
		return false
	})
}

// waitUntil polls a condition that another goroutine brings about.
func waitUntil(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(fmt.Sprint("waiting for ", what))
		}
	}
}
