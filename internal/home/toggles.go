package home

import (
	"context"
	"encoding/json"
)

// Toggles are the settings that the hub's owner switches while it runs.
type Toggles struct {
	// SessionSummaryContract has agents end their turns with a summary.
	SessionSummaryContract bool `json:"sessionSummaryContract"`
	// SessionSummaryInChat has clients show it.
	SessionSummaryInChat bool `json:"sessionSummaryInChat"`
}

// At is the data directory dir of a hub that was configured already.
func At(dir string) *Home {
	return &Home{Dir: dir, env: func(string) (string, bool) { return "", false }}
}

// Toggles reads the file each time: other programs write it too.
func (h *Home) Toggles() (Toggles, error) {
	s, err := h.read()
	if err != nil {
		return Toggles{}, err
	}
	return s.toggles(), nil
}

func (s settings) toggles() (t Toggles) {
	// Another type counts as absent.
	_ = json.Unmarshal(s["sessionSummaryContract"], &t.SessionSummaryContract)
	_ = json.Unmarshal(s["sessionSummaryInChat"], &t.SessionSummaryInChat)
	return t
}

// SetToggles changes the toggles and gives what they are then. All else in the
// settings stays.
func (h *Home) SetToggles(ctx context.Context, change func(*Toggles)) (t Toggles, err error) {
	err = h.update(ctx, func(s settings) (bool, error) {
		before := s.toggles()
		t = before
		change(&t)
		if t == before {
			return false, nil
		}
		if err := s.set("sessionSummaryContract", t.SessionSummaryContract); err != nil {
			return false, err
		}
		return true, s.set("sessionSummaryInChat", t.SessionSummaryInChat)
	})
	return t, err
}
