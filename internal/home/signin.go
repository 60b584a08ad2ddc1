package home

import (
	"context"
	"encoding/json"
)

// defaultURL is the hub of this machine, as its settings say.
func (l *loader) defaultURL() string {
	return "http://localhost:" + l.value("", "", "listenPort", "3006").Text
}

// SignIn keeps an access token for this machine, and the hub it is for unless
// that is empty.
func (h *Home) SignIn(ctx context.Context, token, apiURL string) error {
	return h.update(ctx, func(s settings) (bool, error) {
		if apiURL != "" {
			if err := s.set("apiUrl", apiURL); err != nil {
				return false, err
			}
		}
		return true, s.set("cliApiToken", token)
	})
}

// SignOut forgets the access token and this machine's id.
func (h *Home) SignOut(ctx context.Context) error {
	return h.update(ctx, func(s settings) (bool, error) {
		_, token := s["cliApiToken"]
		_, machine := s["machineId"]
		delete(s, "cliApiToken")
		delete(s, "machineId")
		return token || machine, nil
	})
}

// Standing is how this machine would sign in, whether or not it can.
type Standing struct {
	APIURL, Token Value // the token is secret, and empty if there is none
	MachineID     string
	Hostname      string
}

// Standing reads how this machine would sign in. It changes nothing.
func (h *Home) Standing() (Standing, error) {
	s, err := h.read()
	if err != nil {
		return Standing{}, err
	}
	l := loader{env: h.env, settings: s}
	st := Standing{APIURL: l.apiURL(), Token: l.value("", "CLI_API_TOKEN", "cliApiToken", "")}
	st.MachineID, _ = s.text("machineId")
	st.Hostname, err = h.hostname()
	return st, err
}

// Masked are the settings without their secrets, for a report.
func (h *Home) Masked() (map[string]json.RawMessage, error) {
	s, err := h.read()
	if err != nil {
		return nil, err
	}
	shown := map[string]json.RawMessage{}
	for key, v := range s {
		switch key {
		case "cliApiToken", "extraHeaders", "vapidKeys", "telegramBotToken", "serverChanSendKey", "relayAuthKey", "providerCredentials":
			v = json.RawMessage(`"***"`)
		}
		shown[key] = v
	}
	return shown, nil
}
