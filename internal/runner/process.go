package runner

import (
	"context"
	"errors"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// identity is a process that cannot be mistaken for another: ids are used again
// after a process has gone, together with the time of its start they are not.
type identity struct {
	PID int `json:"pid"`
	// Created is in ms since 1970, as the system says; it may be off by a little
	// when the clock was set.
	Created int64 `json:"processStartedAt"`
}

// createdSlack is how much two readings of one start may differ.
const createdSlack = 3000

// identify looks at a process that lives now.
func identify(pid int) (identity, error) {
	p, err := process.NewProcess(int32(pid))
	if err != nil {
		return identity{}, err
	}
	created, err := p.CreateTime()
	return identity{PID: pid, Created: created}, err
}

// fate is what is known of a process.
type fate int

const (
	alive   fate = iota
	gone         // proven
	unknown      // it may live
)

func (i identity) fate() fate {
	p, err := process.NewProcess(int32(i.PID))
	if errors.Is(err, process.ErrorProcessNotRunning) {
		return gone
	}
	if err != nil {
		return unknown
	}
	created, err := p.CreateTime()
	if err != nil {
		if i.left() {
			return gone
		}
		return unknown
	}
	if d := created - i.Created; d > createdSlack || d < -createdSlack {
		return gone // another process has the id now
	}
	states, err := p.Status()
	if slices.Contains(states, process.Zombie) || err != nil && i.left() {
		return gone
	}
	return alive
}

// left says that no process has the id, if that can be known.
func (i identity) left() bool {
	up, err := process.PidExists(int32(i.PID))
	return err == nil && !up
}

// running says whether any process has the id.
func (i identity) running() bool {
	up, err := process.PidExists(int32(i.PID))
	return err == nil && up
}

// signal sends a signal to the process if it is still that one.
func (i identity) signal(s os.Signal) {
	if i.fate() != alive {
		return
	}
	if p, err := os.FindProcess(i.PID); err == nil {
		_ = p.Signal(s) // it may have gone just now
	}
}

// descendants are all processes that it started, and those started.
func (i identity) descendants() []identity {
	p, err := process.NewProcess(int32(i.PID))
	if err != nil {
		return nil
	}
	children, err := p.Children()
	if err != nil {
		return nil
	}
	var all []identity
	for _, c := range children {
		if child, err := identify(int(c.Pid)); err == nil {
			all = append(append(all, child), child.descendants()...)
		}
	}
	return all
}

// Times of an end by force.
const (
	politeFor = 8 * time.Second // a session says goodbye to agent and hub
	killedFor = 2 * time.Second
	lookEvery = 20 * time.Millisecond
)

// end ends the process and everything it started: first it is asked, so that it
// can end its agent and tell the hub; what is left then is killed. It says
// whether all are gone.
func (i identity) end(ctx context.Context) bool {
	tree := append([]identity{i}, i.descendants()...)
	i.signal(syscall.SIGTERM)
	if !i.wait(ctx, politeFor) {
		tree = append(tree, i.descendants()...)
	}
	for _, p := range tree {
		p.signal(os.Kill)
	}
	all := true
	for _, p := range tree {
		all = p.wait(ctx, killedFor) && all
	}
	return all
}

// wait waits until the process is gone.
func (i identity) wait(ctx context.Context, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for i.fate() != gone {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return i.fate() == gone
		}
	}
	return true
}
