package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	agentchild "hapi/internal/agent/child"
	"hapi/internal/control"
	"hapi/internal/wire"
)

// lookAfter forgets sessions that went and ends what killed ones left behind,
// keeps the state file fresh, and notices that the program was upgraded, at each
// heartbeat until ctx ends.
func (r *Runner) lookAfter(ctx context.Context, disk control.State) error {
	tick := time.NewTicker(r.o.Heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		r.children.sweep()
		agentchild.SweepOrphans()
		if s, err := control.ReadState(r.o.Home.Dir); err == nil && s.PID != disk.PID && (identity{PID: s.PID}).running() {
			r.log.Error("another runner has taken over", "pid", s.PID)
			return Shutdown{wire.ShutdownByException}
		}
		disk.LastHeartbeat = time.Now().Format(time.RFC3339)
		if err := control.WriteState(r.o.Home.Dir, disk); err != nil {
			r.log.Error("the state file was not written", "err", err)
		}
		if r.upgraded(ctx) {
			return ErrUpgraded
		}
	}
}

// keepLogs is how long a log is kept that nobody writes to.
const keepLogs = 30 * 24 * time.Hour

// pruneLogs removes old logs: each session leaves some.
func pruneLogs(dir string, now time.Time) {
	for _, pattern := range []string{"*.log", "*.out"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			continue // there is no such pattern
		}
		for _, path := range paths {
			if info, err := os.Stat(path); err == nil && now.Sub(info.ModTime()) > keepLogs {
				_ = os.Remove(path) // the next runner tries again
			}
		}
	}
}

// upgraded says whether the program on disk is another version, and tells the
// hub when it was replaced. A runner in the middle of a start is not disturbed.
func (r *Runner) upgraded(ctx context.Context) bool {
	now := lookAt(r.exe.path)
	if now.mtime == r.exe.mtime || now.mtime == 0 {
		return false
	}
	if now.mtime != r.exe.told {
		r.exe.told = now.mtime
		r.tellInstalled(ctx, now.mtime)
	}
	if r.o.KeepVersion || handoffDisabled() || r.busy.Load() > 0 {
		return false
	}
	version, err := now.version(ctx)
	if err != nil {
		r.log.Warn("the program was replaced by one that does not run", "err", err)
		return false
	}
	if version == r.o.Version {
		return false // copied or built again
	}
	r.log.Info("hapi was upgraded; starting anew", "from", r.o.Version, "to", version)
	return true
}

func (r *Runner) tellInstalled(ctx context.Context, mtime float64) {
	r.mu.Lock()
	link := r.link
	r.mu.Unlock()
	if link == nil || !link.Connected() {
		r.exe.told = 0 // at the next heartbeat
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := link.UpdateMetadata(ctx, func(m map[string]json.RawMessage) {
		raw, err := json.Marshal(mtime)
		if err != nil {
			panic(err) // it is a number
		}
		m["installedCliMtimeMs"] = raw
	})
	if err != nil {
		r.log.Warn("the hub was not told of the upgrade", "err", err)
	}
}

// executable is the program on disk.
type executable struct {
	path  string
	mtime float64 // ms, with fractions; 0: it cannot be looked at
	told  float64 // what the hub was told
}

func lookAt(path string) executable {
	e := executable{path: path}
	if info, err := os.Stat(path); err == nil {
		e.mtime = float64(info.ModTime().UnixMicro()) / 1000
	}
	e.told = e.mtime
	return e
}

// version asks the program.
func (e executable) version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, e.path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("run %s --version: %w", e.path, err)
	}
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(string(out)), "hapi version:")), nil
}

// handoffDisabled says that a replaced program is none of the runner's business.
func handoffDisabled() bool { return os.Getenv("HAPI_DISABLE_VERSION_HANDOFF") == "1" }

// HashOf tells whether two runners use one token, without telling the token.
func HashOf(token string) string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	return hex.EncodeToString(sum[:])
}

// headersHash tells whether two runners send the same extra headers; empty: none.
func headersHash(h http.Header) string {
	if len(h) == 0 {
		return ""
	}
	var pairs [][2]string
	for name := range h {
		pairs = append(pairs, [2]string{name, h.Get(name)})
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	raw, err := json.Marshal(pairs)
	if err != nil {
		panic(err) // they are strings
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}
