package home

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// HubState says which hub works in a data directory.
type HubState struct {
	PID       int       `json:"pid"`
	Address   string    `json:"address"`
	StartedAt time.Time `json:"startedAt"`
}

// HubLock is held by the one hub of a data directory, or by a command that
// needs the database to itself.
type HubLock struct {
	locks []*flock.Flock
	state string
}

// ErrHubRunning says that a hub holds the data directory or its database.
var ErrHubRunning = errors.New("a hub is running on this data directory")

// LockHub takes the data directory and the database, wherever that is, for
// this process. It fails with ErrHubRunning, and says who holds them.
func (h *Home) LockHub(database string) (*HubLock, error) {
	l := &HubLock{state: h.Path("hub.state.json")}
	for _, path := range []string{h.Path("hub.lock"), database + ".lock"} {
		lock := flock.New(path, flock.SetPermissions(0o600))
		held, err := lock.TryLock()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), l.unlock())
		}
		if !held {
			return nil, errors.Join(h.heldBy(path), l.unlock())
		}
		l.locks = append(l.locks, lock)
	}
	return l, nil
}

// heldBy says which hub is in the way.
func (h *Home) heldBy(path string) error {
	s, ok := h.RunningHub()
	if !ok {
		return fmt.Errorf("%w: %s is held by another process", ErrHubRunning, path)
	}
	return fmt.Errorf("%w: process %d, at %s, since %s. Stop it first, or choose another HAPI_HOME",
		ErrHubRunning, s.PID, s.Address, s.StartedAt.Local().Format(time.DateTime))
}

// RunningHub is what the hub of this data directory said of itself when it
// started. It may have been killed since.
func (h *Home) RunningHub() (s HubState, ok bool) {
	raw, err := os.ReadFile(h.Path("hub.state.json"))
	return s, err == nil && json.Unmarshal(raw, &s) == nil
}

// Announce tells others who holds the lock.
func (l *HubLock) Announce(address string) error {
	raw, err := json.Marshal(HubState{PID: os.Getpid(), Address: address, StartedAt: time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	return WritePrivate(l.state, raw)
}

// Release gives the data directory back.
func (l *HubLock) Release() error {
	err := os.Remove(l.state)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, l.unlock())
}

func (l *HubLock) unlock() error {
	var err error
	for _, lock := range l.locks {
		err = errors.Join(err, lock.Unlock())
	}
	return err
}
