package session

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"time"

	"hapi/internal/control"
	"hapi/internal/terminals"
	"hapi/internal/wire"
	"hapi/internal/workspace"
)

// add completes the facts with what a session knows of itself: where it works,
// and what it offers there.
func (f *Facts) add(ctx context.Context, dir string) {
	if f.Metadata == nil {
		f.Metadata = map[string]any{}
	}
	capabilities, _ := f.Metadata["capabilities"].(map[string]any)
	if capabilities == nil {
		capabilities = map[string]any{}
	}
	capabilities["terminal"] = terminals.Available
	f.Metadata["capabilities"] = capabilities
	if tree := workspace.WorktreeOf(ctx, dir); tree != nil {
		f.Metadata["worktree"] = tree
	}
}

// startedByRunner says whether a runner waits for this process.
func (f *Facts) startedByRunner() bool { return f.Metadata["startedBy"] == "runner" }

// tellProgress tells the runner that started this process what it does, before it
// has a session. A runner that cannot be told waits for a while all the same.
func (f *Facts) tellProgress(ctx context.Context, log *slog.Logger, what string) {
	dir, _ := f.Machine["happyHomeDir"].(string)
	if !f.startedByRunner() || dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, reportWithin)
	defer cancel()
	if err := control.Starting(ctx, dir, os.Getpid(), what); err != nil {
		log.Debug("the runner was not told of this start", "err", err)
	}
}

// lookForRunner is how often a session looks for a runner that does not know it.
const lookForRunner = 10 * time.Second

// stayKnown tells a runner of this session that is new on this machine: the one
// before it may have been killed before it wrote the session down. every is how
// often that is looked for.
func (s *Session) stayKnown(every time.Duration) {
	dir, _ := s.facts.Machine["happyHomeDir"].(string)
	metadata, err := json.Marshal(s.facts.Metadata)
	if err != nil || dir == "" || s.stored.await(s.ctx) != nil {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	var told string // the secret of the runner that knows
	for {
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			return
		}
		state, err := control.ReadState(dir)
		if err != nil || state.Secret == told {
			continue // there is none, which is nothing unusual
		}
		ctx, cancel := context.WithTimeout(s.ctx, reportWithin)
		if control.Report(ctx, dir, wire.SessionStarted{SessionID: s.row.ID, Metadata: metadata}) == nil {
			told = state.Secret
		}
		cancel()
	}
}

// reportWithin bounds the report: it is to a process of this machine.
const reportWithin = 3 * time.Second

// reportToRunner tells this machine's runner, if there is one, which session
// this process feeds. The runner that started it waits for that; without one a
// session is as good.
func reportToRunner(ctx context.Context, f *Facts, id wire.SessionID, log *slog.Logger) {
	f.tellRunner(ctx, id, log, control.Report)
}

// reportEnding tells it that this process is about to end.
func (s *Session) reportEnding() {
	s.facts.tellRunner(context.WithoutCancel(s.ctx), s.row.ID, s.log, control.Ending)
}

func (f *Facts) tellRunner(ctx context.Context, id wire.SessionID, log *slog.Logger, tell func(context.Context, string, wire.SessionStarted) error) {
	dir, _ := f.Machine["happyHomeDir"].(string)
	metadata, err := json.Marshal(f.Metadata)
	if err == nil && dir != "" {
		ctx, cancel := context.WithTimeout(ctx, reportWithin)
		defer cancel()
		err = tell(ctx, dir, wire.SessionStarted{SessionID: id, Metadata: metadata})
	}
	if err != nil && !errors.Is(err, control.ErrNotRunning) {
		log.Warn("the runner was not told of this session", "err", err)
	}
}
