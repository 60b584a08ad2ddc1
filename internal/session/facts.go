package session

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
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
