package home

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"hapi/internal/wire"
)

// Source says where a value came from.
type Source string

// The sources, as people are told.
const (
	FromFlag        Source = "flag"
	FromEnvironment Source = "environment"
	FromSettings    Source = "settings.json"
	FromDefault     Source = "default"
	Generated       Source = "generated"
)

// Value is a setting and where it came from.
type Value struct {
	Text string
	From Source
}

// Hub is the configuration of a hub.
type Hub struct {
	Host, Port, PublicURL Value
	CORSOrigins           []string
	Token                 Value // secret
	WeakToken             bool
	DBPath                string
	Dir                   string // the data directory
	JWTSecret             []byte // secret
	OwnerID               int64
	ScratchlistLimits     wire.ScratchlistLimits
	VAPID                 VAPIDKeys
	VAPIDSubject          string        // how push services reach the operator
	PushAllowPrivate      bool          // browsers may be told at private addresses
	TerminalMax           int           // 0: the usual number
	TerminalIdle          time.Duration // 0: the usual time
	// Persisted names the settings that were taken over from the environment.
	Persisted []string
}

// Address is where the hub listens.
func (c *Hub) Address() string { return net.JoinHostPort(c.Host.Text, c.Port.Text) }

// HubFlags are what the command line says; empty is absent. Fallback is the host
// when nothing else says one (127.0.0.1).
type HubFlags struct{ Host, Port, Fallback string }

// Hub makes the configuration of a hub, and on the first run its secrets. What
// the environment says and the settings do not is kept for the next run.
func (h *Home) Hub(ctx context.Context, flags HubFlags) (*Hub, error) {
	c := &Hub{Dir: h.Dir}
	err := h.update(ctx, func(s settings) (bool, error) {
		l := loader{env: h.env, settings: s}
		l.hub(c, flags)
		if l.err != nil {
			return false, l.err
		}
		if err := h.hubFiles(c); err != nil {
			return false, err
		}
		c.Persisted = l.persisted
		return len(l.persisted) > 0 || l.made || c.Token.From == Generated, nil
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// loader reads settings one by one and remembers the first failure.
type loader struct {
	env       Env
	settings  settings
	persisted []string
	made      bool // something that did not exist
	err       error
}

func (l *loader) fail(err error) {
	if l.err == nil { // err may be nil too
		l.err = err
	}
}

// value is a text setting.
func (l *loader) value(flag, variable, key, otherwise string) Value {
	v := Value{otherwise, FromDefault}
	stored, known := l.settings.text(key)
	if n := json.Number(""); !known && json.Unmarshal(l.settings[key], &n) == nil && n != "" {
		stored, known = n.String(), true
	}
	if known {
		v = Value{stored, FromSettings}
	}
	if text, ok := l.env(variable); ok && text != "" {
		v = Value{text, FromEnvironment}
	}
	if flag != "" {
		v = Value{flag, FromFlag}
	}
	return v
}

// keep writes a value that the settings do not have, if the environment or the
// command line gave it.
func (l *loader) keep(key string, from Source, v any) {
	if _, known := l.settings[key]; known || from != FromEnvironment && from != FromFlag {
		return
	}
	if err := l.settings.set(key, v); err != nil {
		l.fail(err)
		return
	}
	l.persisted = append(l.persisted, key)
}

var obsoleteKeys = []string{"webappHost", "webappPort", "webappUrl"}

func (l *loader) hub(c *Hub, flags HubFlags) {
	for _, key := range obsoleteKeys {
		if _, ok := l.settings[key]; ok {
			l.fail(fmt.Errorf("settings.json has %q, which is no longer used: rename it to %q", key, map[string]string{
				"webappHost": "listenHost", "webappPort": "listenPort", "webappUrl": "publicUrl",
			}[key]))
		}
	}
	c.Host = l.value(flags.Host, "HAPI_LISTEN_HOST", "listenHost", cmp.Or(flags.Fallback, "127.0.0.1"))
	l.keep("listenHost", c.Host.From, c.Host.Text)
	c.Port = l.value(flags.Port, "HAPI_LISTEN_PORT", "listenPort", "3006")
	port, err := strconv.Atoi(c.Port.Text)
	if err != nil || port <= 0 || port > 65535 {
		l.fail(fmt.Errorf("the port %q (%s) is not a number from 1 to 65535", c.Port.Text, c.Port.From))
	}
	l.keep("listenPort", c.Port.From, port)
	c.PublicURL = l.value("", "HAPI_PUBLIC_URL", "publicUrl", "http://localhost:"+c.Port.Text)
	if u, err := url.Parse(c.PublicURL.Text); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		l.fail(fmt.Errorf("the public URL %q (%s) is not an http or https URL", c.PublicURL.Text, c.PublicURL.From))
	}
	l.keep("publicUrl", c.PublicURL.From, c.PublicURL.Text)
	l.origins(c)
	c.ScratchlistLimits = l.scratchlist()
	c.VAPID = l.vapidKeys()
	c.VAPIDSubject = l.vapidSubject(c.PublicURL.Text)
	c.PushAllowPrivate = l.yes("HAPI_PUSH_ALLOW_PRIVATE")
	c.TerminalMax = int(l.positive("HAPI_TERMINAL_MAX_TERMINALS"))
	c.TerminalIdle = time.Duration(l.positive("HAPI_TERMINAL_IDLE_TIMEOUT_MS")) * time.Millisecond
	l.token(c)
	l.database(c)
}

func (l *loader) origins(c *Hub) {
	_ = json.Unmarshal(l.settings["corsOrigins"], &c.CORSOrigins) // another type counts as absent
	if text, ok := l.env("CORS_ORIGINS"); ok && strings.TrimSpace(text) != "" {
		c.CORSOrigins = nil
		for entry := range strings.SplitSeq(text, ",") {
			if entry = strings.TrimSpace(entry); entry != "" {
				c.CORSOrigins = append(c.CORSOrigins, entry)
			}
		}
		l.keep("corsOrigins", FromEnvironment, c.CORSOrigins)
	}
	if len(c.CORSOrigins) == 0 {
		c.CORSOrigins = []string{c.PublicURL.Text}
	}
}

func (l *loader) token(c *Hub) {
	c.Token = l.value("", "CLI_API_TOKEN", "cliApiToken", "")
	if c.Token.Text == "" {
		c.Token = Value{newToken(), Generated}
		l.fail(l.settings.set("cliApiToken", c.Token.Text))
	}
	l.keep("cliApiToken", c.Token.From, c.Token.Text)
	if strings.Contains(c.Token.Text, ":") {
		l.fail(fmt.Errorf("CLI_API_TOKEN (%s) contains a colon; what follows a colon is the namespace, which each client chooses: give the hub only the part before it", c.Token.From))
	}
	if strings.TrimSpace(c.Token.Text) != c.Token.Text {
		l.fail(fmt.Errorf("CLI_API_TOKEN (%s) begins or ends with a blank", c.Token.From))
	}
	c.WeakToken = c.Token.From != Generated && weak(c.Token.Text)
}

func newToken() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b)
}

// weak says whether a token is easily guessed.
func weak(token string) bool {
	if len(token) < 16 || strings.Trim(token, "0123456789") == "" || strings.Trim(token, token[:1]) == "" {
		return true
	}
	return slices.ContainsFunc([]string{"abc", "123", "password", "secret", "token"}, func(prefix string) bool {
		return strings.HasPrefix(strings.ToLower(token), prefix)
	})
}

func (l *loader) database(c *Hub) {
	path, _ := l.env("DB_PATH")
	if path == "" {
		return
	}
	expanded, err := expand(path)
	l.fail(err)
	c.DBPath = expanded
}

// secretFile and ownerFile are the files beside the settings.
type secretFile struct {
	Secret []byte `json:"secretBase64"`
}

type ownerFile struct {
	ID int64 `json:"ownerId"`
}

const maxOwnerID = 1<<53 - 1 // what a JavaScript client can hold

func (h *Home) hubFiles(c *Hub) error {
	if c.DBPath == "" {
		c.DBPath = h.Path("hapi.db")
	}
	var secret secretFile
	path := h.Path("jwt-secret.json")
	err := readOrMake(path, &secret, func() error {
		secret.Secret = make([]byte, 32)
		_, err := rand.Read(secret.Secret)
		return err
	})
	if err != nil {
		return err
	}
	if len(secret.Secret) != 32 {
		return fmt.Errorf("%s holds %d bytes instead of 32: restore it, or move it away to have a new one made", path, len(secret.Secret))
	}
	c.JWTSecret = secret.Secret
	var owner ownerFile
	path = h.Path("owner-id.json")
	err = readOrMake(path, &owner, func() error {
		n, err := rand.Int(rand.Reader, big.NewInt(maxOwnerID))
		if err == nil {
			owner.ID = n.Int64() + 1
		}
		return err
	})
	if err != nil {
		return err
	}
	if owner.ID <= 0 || owner.ID > maxOwnerID {
		return fmt.Errorf("%s holds an impossible id", filepath.Base(path))
	}
	c.OwnerID = owner.ID
	return nil
}
