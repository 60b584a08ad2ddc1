package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"

	"hapi/internal/control"
	"hapi/internal/home"
	"hapi/internal/wire"
)

// childrenFile keeps what the runner knows of session processes, so that its
// own death changes nothing for them.
const childrenFile = "runner.sessions.json"

// maxGone bounds how many sessions are remembered whose process is proven gone.
const maxGone = 1000

// Who started a session process.
const (
	byRunner   = "runner"
	byTerminal = "hapi directly - likely by user from terminal"
)

// child is a session process.
type child struct {
	identity
	StartedBy string         `json:"startedBy"`
	SessionID wire.SessionID `json:"sessionId,omitempty"`          // once it has reported
	Requested wire.SessionID `json:"requestedSessionId,omitempty"` // the row it was started for
	Directory string         `json:"directory,omitempty"`
	Ending    bool           `json:"ending,omitempty"` // it has said so

	doing    chan string   // what it said it does before it has a session; nil: it was adopted
	reported chan struct{} // closed with SessionID; nil: it was adopted
	exited   chan struct{} // closed when our child ended; nil: it is not our child
	exit     *os.ProcessState
}

// named says whether id names the child.
func (c *child) named(id string) bool {
	return id == string(c.SessionID) && id != "" || id == string(c.Requested) && id != "" || id == "PID-"+strconv.Itoa(c.PID)
}

// children are the session processes of this machine that the runner knows.
type children struct {
	path string
	log  *slog.Logger

	mu   sync.Mutex
	all  map[int]*child // by process id
	gone []string       // ids whose process is proven gone, the oldest first
}

// kept is the file.
type kept struct {
	Children []*child `json:"children"`
	Gone     []string `json:"gone"`
}

// loadChildren reads what an earlier runner knew and looks which of it still
// lives. A process that cannot be looked at is kept: it may live.
func loadChildren(path string, log *slog.Logger) (*children, error) {
	c := &children{path: path, log: log, all: map[int]*child{}}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the runner's sessions: %w", err)
	}
	var k kept
	if err := json.Unmarshal(raw, &k); err != nil {
		log.Error("the list of sessions is unreadable; sessions of an earlier runner go on without this one", "file", path, "err", err)
		return c, nil
	}
	c.gone = k.Gone
	for _, one := range k.Children {
		if one != nil && one.PID > 0 {
			c.all[one.PID] = one
		}
	}
	c.sweep()
	for _, one := range c.all {
		log.Info("took a session over from an earlier runner", "session", one.SessionID, "pid", one.PID)
	}
	return c, nil
}

// sweep forgets children that are proven gone.
func (c *children) sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	changed := false
	for _, one := range c.all {
		if one.exited == nil && one.fate() == gone {
			c.drop(one)
			changed = true
		}
	}
	if changed {
		c.save()
	}
}

// begin starts a child and makes it known before its report can come.
func (c *children) begin(start func() (*child, error)) (*child, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one, err := start()
	if err != nil {
		return nil, err
	}
	c.all[one.PID] = one
	c.revive(one)
	c.save()
	return one, nil
}

// revive takes back that a session's process is gone: there is a new one.
func (c *children) revive(one *child) {
	c.gone = slices.DeleteFunc(c.gone, func(id string) bool { return one.named(id) })
}

// remove forgets a child that is proven gone.
func (c *children) remove(one *child) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all[one.PID] == one {
		c.drop(one)
		c.save()
	}
}

// drop is remove for callers that hold mu.
func (c *children) drop(one *child) {
	delete(c.all, one.PID)
	for _, id := range []wire.SessionID{one.SessionID, one.Requested} {
		if id != "" && !slices.Contains(c.gone, string(id)) && !c.fed(id) {
			c.gone = append(c.gone, string(id))
		}
	}
	if extra := len(c.gone) - maxGone; extra > 0 {
		c.gone = slices.Delete(c.gone, 0, extra)
	}
}

// fed says whether a process feeds the session. The caller holds mu.
func (c *children) fed(id wire.SessionID) bool {
	for _, one := range c.all {
		if one.named(string(id)) {
			return true
		}
	}
	return false
}

// save writes the file. A runner that cannot write goes on: only its successor
// would know less. The caller holds mu.
func (c *children) save() {
	k := kept{Children: []*child{}, Gone: c.gone}
	for _, one := range c.all {
		k.Children = append(k.Children, one)
	}
	raw, err := json.MarshalIndent(k, "", "  ")
	if err == nil {
		err = home.WritePrivate(c.path, raw)
	}
	if err != nil {
		c.log.Error("the list of sessions was not written", "err", err)
	}
}

// find gives the child that id names, and whether id's process is proven gone.
// While a session goes from one process to the next it has two: the one that
// stays is meant.
func (c *children) find(id string) (found *child, provenGone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.all {
		if one.named(id) && (found == nil || one.after(found)) {
			found = one
		}
	}
	return found, found == nil && slices.Contains(c.gone, id)
}

// after says whether one rather than other is a session's process.
func (one *child) after(other *child) bool {
	if one.Ending != other.Ending {
		return other.Ending
	}
	return one.Created > other.Created
}

// session is the session that a child has reported, and whether it is about to
// end.
func (c *children) session(one *child) (id wire.SessionID, ending bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return one.SessionID, one.Ending
}

// starting passes on what a child does that has no session yet.
func (c *children) starting(pid int, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one := c.all[pid]; one != nil && one.doing != nil {
		select {
		case one.doing <- what:
		default: // nobody waits for it any more
		}
	}
}

// ending marks a child that is about to end.
func (c *children) ending(pid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one := c.all[pid]; one != nil {
		one.Ending = true
		c.save()
	}
}

// list gives the children that have a session.
func (c *children) list() []control.Child {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []control.Child{}
	for _, one := range c.all {
		if one.SessionID != "" {
			out = append(out, control.Child{StartedBy: one.StartedBy, SessionID: one.SessionID, PID: one.PID})
		}
	}
	slices.SortFunc(out, func(a, b control.Child) int { return a.PID - b.PID })
	return out
}

// report takes a session's word that the process pid feeds it. known says that
// it comes from this user; others may only report what we started.
func (c *children) report(pid int, id wire.SessionID, startedBy string, known bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.all[pid]
	if one != nil && one.exited == nil && one.fate() == gone {
		c.drop(one) // another process has its id now
		one = nil
	}
	if one == nil {
		who, err := identify(pid)
		if !known || err != nil {
			return control.ErrUnknownProcess
		}
		one = &child{identity: who, StartedBy: byTerminal}
		if startedBy == byRunner {
			one.StartedBy = byRunner // of a runner whose list was lost
		}
		c.all[pid] = one
	}
	first := one.SessionID == ""
	one.SessionID = id
	c.revive(one)
	c.save()
	if first && one.reported != nil {
		close(one.reported)
	}
	return nil
}
