// Package home is the directory where hapi keeps its settings and secrets, and
// the configuration that comes of them: environment, then settings.json, then
// default.
package home

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Env looks up an environment variable; os.LookupEnv is one.
type Env func(name string) (string, bool)

// Home is an opened data directory.
type Home struct {
	Dir string
	env Env
}

// Open finds the data directory, HAPI_HOME or ~/.hapi, and makes it if needed.
func Open(env Env) (*Home, error) {
	dir, _ := env("HAPI_HOME")
	if dir == "" {
		dir = "~/.hapi"
	}
	dir, err := expand(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w; set HAPI_HOME to a directory you can write to", err)
	}
	return &Home{Dir: dir, env: env}, nil
}

func expand(path string) (string, error) {
	if path == "~" || strings.HasPrefix(path, "~/") {
		user, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find your home directory: %w; set HAPI_HOME", err)
		}
		path = filepath.Join(user, path[1:])
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", path, err)
	}
	return abs, nil
}

// Path is a file in the data directory.
func (h *Home) Path(name string) string { return filepath.Join(h.Dir, name) }

// SettingsPath is where the settings are.
func (h *Home) SettingsPath() string { return h.Path("settings.json") }

// settings is settings.json key by key: keys that we do not know survive.
type settings map[string]json.RawMessage

func (h *Home) read() (settings, error) {
	raw, err := os.ReadFile(h.SettingsPath())
	if errors.Is(err, fs.ErrNotExist) {
		return settings{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	s := settings{}
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return nil, fmt.Errorf("%s is not a JSON object: correct it, or move it away to start anew", h.SettingsPath())
	}
	return s, nil
}

// text is the string at key; ok is false when there is none.
func (s settings) text(key string) (v string, ok bool) {
	return v, json.Unmarshal(s[key], &v) == nil && v != ""
}

func (s settings) set(key string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("set %s: %w", key, err)
	}
	s[key] = raw
	return nil
}

// Times of the settings lock, which other programs that share the file keep too.
const (
	lockRefresh = 10 * time.Second
	lockStale   = 30 * time.Second
	lockRetry   = 100 * time.Millisecond
	lockTries   = 50
)

// update changes the settings under the lock. change says whether it did.
func (h *Home) update(ctx context.Context, change func(settings) (bool, error)) error {
	unlock, err := lock(ctx, h.SettingsPath()+".hapi.lock")
	if err != nil {
		return err
	}
	defer unlock()
	s, err := h.read()
	if err != nil {
		return err
	}
	changed, err := change(s)
	if err != nil || !changed {
		return err
	}
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	return WritePrivate(h.SettingsPath(), append(raw, '\n'))
}

// lock makes the directory at path; a holder refreshes it, and one that was not
// refreshed for long was left by a crash.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	for range lockTries {
		err = os.Mkdir(path, 0o700)
		if err == nil {
			return hold(path), nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("lock the settings: %w", err)
		}
		if info, statErr := os.Stat(path); statErr == nil && time.Since(info.ModTime()) > lockStale {
			_ = os.Remove(path) // another waiter may have
			continue
		}
		select {
		case <-time.After(lockRetry):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return nil, fmt.Errorf("the settings are in use by another program; if there is none, remove %s", path)
}

func hold(path string) (unlock func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(lockRefresh)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				_ = os.Chtimes(path, now, now) // it is renewed again soon
			case <-stop:
				return
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
		_ = os.Remove(path) // a lock that stays goes stale
	}
}

// WritePrivate replaces a file, readable by its owner alone, in one step.
func WritePrivate(path string, content []byte) error {
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+uuid.NewString()+".tmp")
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = os.Remove(tmp)
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

// readOrMake reads a JSON file, or makes it with what create gives. The caller
// holds the settings lock.
func readOrMake(path string, v any, create func() error) error {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := create(); err != nil {
			return err
		}
		if raw, err = json.Marshal(v); err != nil {
			return fmt.Errorf("write %s: %w", filepath.Base(path), err)
		}
		return WritePrivate(path, raw)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	if err := json.Unmarshal(bytes.TrimSpace(raw), v); err != nil {
		return fmt.Errorf("%s is not what it should be: restore it, or move it away to have a new one made: %w", path, err)
	}
	return nil
}
