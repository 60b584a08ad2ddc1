package runner

import (
	"cmp"
	"context"
	"log/slog"
	"slices"

	"hapi/internal/home"
	"hapi/internal/wire"
)

// Recorded is a session process that a runner started and wrote down, and that
// lives.
type Recorded struct {
	PID       int
	Session   wire.SessionID // empty: it has not said yet
	Directory string

	process identity
}

// Started are the session processes that the runners of a data directory started
// and that live, whether there is a runner now or not.
func Started(data *home.Home) ([]Recorded, error) {
	known, err := loadChildren(data.Path(childrenFile), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	var list []Recorded
	for _, one := range known.all {
		if one.StartedBy == byRunner && one.fate() == alive {
			list = append(list, Recorded{PID: one.PID, Session: cmp.Or(one.SessionID, one.Requested), Directory: one.Directory, process: one.identity})
		}
	}
	slices.SortFunc(list, func(a, b Recorded) int { return a.PID - b.PID })
	return list, nil
}

// End ends the process with everything it started; it is asked first. It says
// whether all of it has gone.
func (r Recorded) End(ctx context.Context) bool { return r.process.end(ctx) }
