package hub_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to make a token expire

	"hapi/internal/hubclient"
	"hapi/internal/socketio"
	"hapi/internal/wire"
)

func (h *testHub) newToken(in map[string]any) wire.NewAccessToken {
	h.t.Helper()
	var made wire.NewAccessToken
	h.want(http.StatusOK, http.MethodPost, "/api/tokens", in, &made)
	return made
}

func (h *testHub) status(want int, token, method, path string, body any) []byte {
	h.t.Helper()
	got, raw := h.call(token, method, path, body)
	if got != want {
		h.t.Errorf("%s %s: got %d %s, want %d", method, path, got, raw, want)
	}
	return raw
}

func TestNamedTokenOpensItsNamespaceAlone(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	made := h.newToken(map[string]any{"name": "laptop", "namespace": "alice"})
	if !strings.HasPrefix(made.Secret, "hapi_") || len(made.Secret) < 48 || made.ExpiresAt != nil || made.ReadOnly {
		t.Errorf("made %+v", made)
	}
	p := h.newSession(made.Secret, nil, false)
	h.newSession(made.Secret+":alice", nil, false)
	own := h.newSession(baseToken, nil, false)
	alice := h.signIn(made.Secret)
	h.status(http.StatusOK, alice, http.MethodGet, "/api/sessions/"+string(p.session.ID), nil)
	h.status(http.StatusForbidden, alice, http.MethodGet, "/api/sessions/"+string(own.session.ID), nil)
	h.status(http.StatusOK, h.signIn(baseToken+":alice"), http.MethodGet, "/api/sessions/"+string(p.session.ID), nil)
	for _, token := range []string{made.Secret + ":default", made.Secret + ":bob", made.Secret + "x", made.Secret[:40], "hapi_"} {
		h.status(http.StatusUnauthorized, "", http.MethodPost, "/api/auth", map[string]string{"accessToken": token})
		h.status(http.StatusUnauthorized, token, http.MethodGet, "/cli/sessions/"+string(p.session.ID), nil)
	}
	h.stop()
	h.start("127.0.0.1:0")
	if jwt := h.signIn(made.Secret); jwt == "" {
		t.Error("not valid after a restart")
	}
	h.status(http.StatusOK, alice, http.MethodGet, "/api/sessions/"+string(p.session.ID), nil)
}

func TestOnlyTheHubsOwnTokenManagesTokens(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	laptop := h.newToken(map[string]any{"name": "laptop"})
	for name, jwt := range map[string]string{
		"another namespace": h.signIn(baseToken + ":alice"), "a named token of the owner": h.signIn(laptop.Secret),
	} {
		for _, raw := range [][]byte{
			h.status(http.StatusForbidden, jwt, http.MethodGet, "/api/tokens", nil),
			h.status(http.StatusForbidden, jwt, http.MethodPost, "/api/tokens", `{"name":"another"}`),
			h.status(http.StatusForbidden, jwt, http.MethodDelete, "/api/tokens/laptop", nil),
		} {
			if !bytes.Contains(raw, []byte("the hub's own token")) {
				t.Errorf("%s: %s", name, raw)
			}
		}
	}
	for body, want := range map[string]int{
		`{"name":"laptop"}`: http.StatusConflict, `{"name":""}`: http.StatusBadRequest, `{}`: http.StatusBadRequest, `[]`: http.StatusBadRequest,
		`{"name":"a/b"}`: http.StatusBadRequest, `{"name":"` + strings.Repeat("a", 65) + `"}`: http.StatusBadRequest,
		`{"name":"a","namespace":"a:b"}`: http.StatusBadRequest, `{"name":"a","namespace":" a"}`: http.StatusBadRequest, `{"name":"a","namespace":""}`: http.StatusBadRequest,
		`{"name":"a","expiresInDays":0}`: http.StatusBadRequest, `{"name":"a","expiresInDays":1.5}`: http.StatusBadRequest, `{"name":"a","readOnly":1}`: http.StatusBadRequest,
	} {
		h.status(want, h.jwt, http.MethodPost, "/api/tokens", body)
	}
	h.newToken(map[string]any{"name": "b.c-d_e", "expiresInDays": 90, "readOnly": true})
	var list struct{ Tokens []wire.AccessToken }
	h.want(http.StatusOK, http.MethodGet, "/api/tokens", nil, &list)
	if len(list.Tokens) != 2 || list.Tokens[0].Name != "b.c-d_e" || list.Tokens[0].ExpiresAt == nil || !list.Tokens[0].ReadOnly {
		t.Errorf("listed %+v", list.Tokens)
	}
	h.status(http.StatusNotFound, h.jwt, http.MethodDelete, "/api/tokens/nobody", nil)
}

func TestTokensAreHashedAtRest(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	made := h.newToken(map[string]any{"name": "laptop"})
	h.stop()
	sum := sha256.Sum256([]byte(made.Secret))
	hashed := false
	err := filepath.WalkDir(h.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		hashed = hashed || bytes.Contains(raw, sum[:])
		if bytes.Contains(raw, []byte(made.Secret[len("hapi_"):])) {
			t.Errorf("%s holds the token", path)
		}
		return err
	})
	if err != nil || !hashed {
		t.Errorf("its hash was found: %v, %v", hashed, err)
	}
}

func TestReadOnlyTokenChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, nil, false)
	say(t, p, "hello")
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	made := h.newToken(map[string]any{"name": "display", "readOnly": true})
	jwt := h.signIn(made.Secret)
	id := string(p.session.ID)
	for _, path := range []string{"/api/sessions", "/api/sessions/" + id, "/api/sessions/" + id + "/messages", "/api/machines", "/api/usage/summary", "/api/sessions/" + id + "/export"} {
		h.status(http.StatusOK, jwt, http.MethodGet, path, nil)
	}
	h.status(http.StatusOK, jwt, http.MethodPost, "/api/sessions/"+id+"/messages/queued-state", `{"localIds":["a"]}`)
	h.status(http.StatusNotFound, jwt, http.MethodPost, "/api/nowhere", nil)
	changing := map[string]string{
		"/api/sessions/" + id: "PATCH", "/api/sessions/" + id + "/pin": "PUT", "/api/sessions/" + id + "/scratchlist": "POST",
		"/api/push/subscribe": "DELETE", "/api/hub-settings": "PUT", "/api/hub/prune": "POST", "/api/devices/register": "POST", "/api/machines/m": "PATCH", "/api/machines/m/spawn": "POST",
		"/api/machines/m/list-directory": "POST",
	}
	for _, name := range []string{"abort", "switch", "archive", "resume", "reopen", "permission-mode", "model", "effort", "messages", "messages/m/steer", "messages/m/retry", "permissions/r/approve", "permissions/r/deny", "upload", "upload/delete"} {
		changing["/api/sessions/"+id+"/"+name] = "POST"
	}
	for path, method := range changing {
		if raw := h.status(http.StatusForbidden, jwt, method, path, `{}`); !bytes.Contains(raw, []byte("read_only")) {
			t.Errorf("%s: %s", path, raw)
		}
	}
	h.status(http.StatusForbidden, jwt, http.MethodDelete, "/api/sessions/"+id, nil)
	h.status(http.StatusForbidden, made.Secret, http.MethodGet, "/cli/sessions/"+id, nil)
	h.status(http.StatusForbidden, made.Secret, http.MethodPost, "/cli/sessions", `{"tag":"t","metadata":{}}`)
	h.status(http.StatusForbidden, made.Secret, http.MethodPost, "/cli/machines", `{"id":"m","metadata":{}}`)
	for namespace, token := range map[string]string{"/cli": made.Secret, "/terminal": jwt} {
		if reason := h.refusedSocket(namespace, token); !strings.Contains(reason, "may only read") {
			t.Errorf("%s: %q", namespace, reason)
		}
	}
}

// refusedSocket is why a socket was refused for good.
func (h *testHub) refusedSocket(namespace, token string) string {
	h.t.Helper()
	refused := make(chan string, 1)
	c := socketio.NewClient(h.url, socketio.ClientOptions{Namespace: namespace, Auth: func() any { return map[string]string{"token": token} }})
	c.OnRefused(func(err error) {
		select {
		case refused <- err.Error():
		default:
		}
	})
	ctx, stop := context.WithCancel(h.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	defer func() { stop(); <-ended }()
	select {
	case reason := <-refused:
		return reason
	case <-time.After(20 * time.Second):
		h.t.Fatalf("%s: the socket was not refused", namespace)
		return ""
	}
}

func TestRevokedTokenEndsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	made := h.newToken(map[string]any{"name": "laptop"})
	other := h.newToken(map[string]any{"name": "other"})
	jwt, otherJWT, own := h.signIn(made.Secret), h.signIn(other.Secret), h.jwt
	h.jwt = jwt
	watching := h.stream("all=true", "", true)
	watching.next("connection-changed")
	h.jwt = otherJWT
	stays := h.stream("all=true", "", false)
	stays.next("connection-changed")
	h.jwt = own

	row, err := h.client(made.Secret).CreateSession(t.Context(), wire.CreateSession{Tag: "revoked", Metadata: json.RawMessage(`{"path":"/work","host":"test"}`)})
	if err != nil {
		t.Fatal(err)
	}
	refused := make(chan string, 1)
	link := h.client(made.Secret).Link(row, hubclient.LinkOptions{ReconnectMin: time.Millisecond, ReconnectMax: 20 * time.Millisecond, Refused: func(reason string) { refused <- reason }})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- link.Run(ctx) }()
	defer func() { stop(); <-ended }()
	h.eventually("the process to connect", link.Connected)

	h.want(http.StatusOK, http.MethodDelete, "/api/tokens/laptop", nil, nil)
	h.status(http.StatusUnauthorized, jwt, http.MethodGet, "/api/sessions", nil)
	h.status(http.StatusUnauthorized, "", http.MethodPost, "/api/auth", map[string]string{"accessToken": made.Secret})
	h.status(http.StatusUnauthorized, made.Secret, http.MethodGet, "/cli/sessions/"+string(row.ID), nil)
	select {
	case reason := <-refused:
		if !strings.Contains(reason, "Invalid token") {
			t.Errorf("refused with %q", reason)
		}
	case <-time.After(20 * time.Second):
		t.Error("the process's socket goes on")
	}
	for range watching.events { // until the stream ends
	}
	h.status(http.StatusOK, otherJWT, http.MethodGet, "/api/sessions", nil)
	p := h.newSession(baseToken, nil, false)
	say(t, p, "still here")
	stays.saidUntil("still here")
	if reason := h.refusedSocket("/terminal", jwt); !strings.Contains(reason, "Invalid token") {
		t.Errorf("/terminal: %q", reason)
	}
	again := h.newToken(map[string]any{"name": "laptop"})
	if again.ID == made.ID || again.Secret == made.Secret {
		t.Error("a name that is given again brings the old token back")
	}
	h.status(http.StatusUnauthorized, jwt, http.MethodGet, "/api/sessions", nil)
}

func TestTokenExpires(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	made := h.newToken(map[string]any{"name": "laptop", "expiresInDays": 1})
	h.stop()
	db, err := sql.Open("sqlite", filepath.Join(h.dir, "hapi.db"))
	if err != nil {
		t.Fatal(err)
	}
	soon := time.Now().Add(3 * time.Second).Truncate(time.Second) // as session tokens count
	_, err = db.Exec(`UPDATE tokens SET expires_at = ?`, soon.UnixMilli())
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	h.start("127.0.0.1:0")
	own := h.jwt
	h.jwt = h.signIn(made.Secret)
	stream := h.stream("all=true", "", false)
	for range stream.events { // it ends with the token
	}
	if early := time.Until(soon); early > 100*time.Millisecond {
		t.Errorf("the stream ended %v early", early)
	}
	h.status(http.StatusUnauthorized, h.jwt, http.MethodGet, "/api/sessions", nil)
	h.status(http.StatusUnauthorized, "", http.MethodPost, "/api/auth", fmt.Sprintf(`{"accessToken":%q}`, made.Secret))
	h.jwt = own
	var list struct{ Tokens []wire.AccessToken }
	h.want(http.StatusOK, http.MethodGet, "/api/tokens", nil, &list)
	if len(list.Tokens) != 1 {
		t.Errorf("listed %+v", list.Tokens)
	}
	h.want(http.StatusOK, http.MethodDelete, "/api/tokens/laptop", nil, nil)
}
