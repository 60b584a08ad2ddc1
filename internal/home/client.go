package home

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/google/uuid"
)

// Client is the configuration of a process that talks to a hub.
type Client struct {
	APIURL    Value
	Token     Value // secret; <base> or <base>:<namespace>
	Headers   http.Header
	MachineID string
	Hostname  string
	// Ignored names extra headers that were left out because they are not text.
	Ignored []string
}

// ErrNoToken says that there is no token to show the hub.
var ErrNoToken = errors.New("no access token: CLI_API_TOKEN is required; run `hapi auth login`, set it, or start a hub on this machine once with `hapi hub`")

// Client makes the configuration of a session process. It gives this machine an
// id at the first run.
func (h *Home) Client(ctx context.Context) (*Client, error) {
	s, err := h.read()
	if err != nil {
		return nil, err
	}
	l := loader{env: h.env, settings: s}
	c := &Client{APIURL: l.apiURL(), Token: l.value("", "CLI_API_TOKEN", "cliApiToken", "")}
	if u, err := url.Parse(c.APIURL.Text); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("the hub's URL %q (%s) is not an http or https URL", c.APIURL.Text, c.APIURL.From)
	}
	c.APIURL.Text = strings.TrimRight(c.APIURL.Text, "/")
	if c.Token.Text = strings.TrimSpace(c.Token.Text); c.Token.Text == "" {
		return nil, ErrNoToken
	}
	if err := l.headers(c); err != nil {
		return nil, err
	}
	if c.Hostname, err = h.hostname(); err != nil {
		return nil, err
	}
	c.MachineID, err = h.machineID(ctx)
	return c, err
}

// apiURL is where the hub is.
func (l *loader) apiURL() Value {
	if v := l.value("", "HAPI_API_URL", "apiUrl", ""); v.Text != "" {
		return v
	}
	return l.value("", "HAPI_API_URL", "serverUrl", l.defaultURL())
}

// LocalHub says that the hub is this machine's own: nothing names another, and
// it has been started here before.
func (c *Client) LocalHub() bool {
	return c.APIURL.From == FromDefault && c.Token.From == FromSettings
}

func (h *Home) hostname() (string, error) {
	if name, _ := h.env("HAPI_HOSTNAME"); name != "" {
		return name, nil
	}
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("find this machine's name: %w; set HAPI_HOSTNAME", err)
	}
	return name, nil
}

// headers reads the extra headers for access proxies. The variable, even when
// empty, replaces those of the settings.
func (l *loader) headers(c *Client) error {
	raw := l.settings["extraHeaders"]
	if text, ok := l.env("HAPI_EXTRA_HEADERS_JSON"); ok {
		raw = json.RawMessage(text)
	}
	c.Headers = http.Header{}
	if len(raw) == 0 {
		return nil
	}
	var entries map[string]any
	if err := json.Unmarshal(raw, &entries); err != nil {
		return errors.New("the extra headers are not a JSON object of names and values")
	}
	for name, v := range entries {
		value, ok := v.(string)
		if !ok {
			c.Ignored = append(c.Ignored, name)
			continue
		}
		c.Headers.Set(name, value)
	}
	return nil
}

func (h *Home) machineID(ctx context.Context) (string, error) {
	s, err := h.read()
	if err != nil {
		return "", err
	}
	if id, ok := s.text("machineId"); ok {
		return id, nil
	}
	var id string
	err = h.update(ctx, func(s settings) (bool, error) {
		var known bool
		if id, known = s.text("machineId"); known { // made meanwhile
			return false, nil
		}
		id = uuid.NewString()
		return true, s.set("machineId", id)
	})
	return id, err
}
