package opencode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"time"

	"hapi/internal/agent"
	"hapi/internal/agent/child"
	"hapi/internal/agent/opencode/api"
)

// errPortTaken says that somebody else listens where OpenCode was to: then it
// shows nothing, and waits for ever.
var errPortTaken = errors.New("another program listens at OpenCode's port")

// portTries is how many ports are tried.
const portTries = 3

// Local implements agent.Agent.
func (a *Agent) Local(ctx context.Context, h agent.Host, o agent.Options) error {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	path, err := find(o.Path)
	if err != nil {
		return err
	}
	args := arguments(o, a.first())
	for range portTries {
		server, err := api.New()
		if err != nil {
			return err
		}
		err = run(ctx, path, args, server, h, o)
		if !errors.Is(err, errPortTaken) {
			return err
		}
		o.Logger.Warn("OpenCode is started once more, with another port", "err", err)
	}
	return &agent.Failure{Kind: agent.Crashed, Text: "OpenCode could not be started: " + errPortTaken.Error() + "."}
}

// streamEnds is how long what OpenCode said last may be on its way after it has
// ended.
const streamEnds = 2 * time.Second

// run gives the terminal to OpenCode until it has ended, and h knows all of it.
func run(ctx context.Context, path string, args []string, server *api.Server, h agent.Host, o agent.Options) error {
	env, err := environment(o)
	if err != nil { // its person's configuration is not ours to refuse
		o.Logger.Warn("OpenCode has no tools of the session", "err", err)
	}
	running, end := context.WithCancelCause(ctx)
	defer end(nil)
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	m := newMirror(h, o, server)
	ended, followed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(followed)
		if m.follow(following, ended) {
			end(errPortTaken)
		}
	}()
	err = child.Foreground{
		Path: path, Args: append(server.Arguments(), args...), Dir: o.Dir, Terminal: o.Terminal, Env: append(env, server.Environment()...),
	}.Run(running)
	close(ended)
	select {
	case <-followed:
	case <-time.After(streamEnds):
	}
	stop()
	<-followed
	child.SweepMarked(lookup(o.Env, child.Mark))
	if errors.Is(err, errPortTaken) {
		return err
	}
	if m.incomplete() {
		m.readRest(ctx, path)
	}
	m.finish()
	var exit *child.Exit
	switch {
	case errors.As(err, &exit) && exit.Hangup():
		return nil
	case errors.As(err, &exit):
		return &agent.Failure{Kind: agent.Crashed, Text: exit.Error()}
	case err != nil && ctx.Err() == nil:
		return &agent.Failure{Kind: agent.Crashed, Text: fmt.Sprintf("OpenCode could not be started: %v", err)}
	}
	return err
}

// How the stream is begun. An OpenCode that is just starting takes a connection
// and never answers it: so it is asked again, ever more patiently.
const (
	connectAgain  = 100 * time.Millisecond
	answersFirst  = time.Second
	answersWithin = 30 * time.Second
)

// follow tells what goes on until OpenCode has ended. It says whether OpenCode
// cannot be reached because its port is another's.
func (m *mirror) follow(ctx context.Context, ended <-chan struct{}) (taken bool) {
	begun, told, patience := time.Now(), false, answersFirst
	for {
		err := m.listen(ctx, patience)
		if errors.Is(err, context.Canceled) {
			patience = min(2*patience, answersWithin)
		}
		var refused *api.Refused
		switch {
		case m.met:
		case errors.As(err, &refused):
			return true
		case !told && time.Since(begun) > answersWithin:
			told = true
			m.log.Warn("OpenCode cannot be followed", "err", err)
			m.notice("What is said at the terminal cannot be shown here yet: OpenCode does not answer. It keeps running.")
		}
		pause := connectAgain
		if m.closed {
			pause = streamEnds
		}
		select {
		case <-time.After(pause):
		case <-ended:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// listen follows the stream of events until OpenCode says that it is done: as it
// ends it waits for its listeners. A stream that does not begin soon is given up.
func (m *mirror) listen(ctx context.Context, within time.Duration) error {
	stream, cancel := context.WithCancel(ctx)
	defer cancel()
	giveUp := time.AfterFunc(within, cancel)
	defer giveUp.Stop()
	return m.server.Events(stream, "/global/event", func(raw []byte) {
		giveUp.Stop()
		m.event(ctx, raw)
		if m.closed {
			cancel()
		}
	})
}

// Times to read back what was said.
const (
	readWithin   = 10 * time.Second
	exportWithin = 30 * time.Second
)

// catchUp reads what the stream may not have told: what was said before it began,
// or while it was away.
func (m *mirror) catchUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	if m.native == "" {
		m.findNew(ctx)
	}
	if m.native == "" {
		return
	}
	var s session
	var all []exchange
	err := m.server.Call(ctx, http.MethodGet, "/session/"+m.native, nil, &s)
	if err == nil {
		all, err = m.read(ctx)
	}
	if err != nil {
		m.log.Warn("what was said to OpenCode could not be read back", "err", err)
		m.behind = true
		return
	}
	m.behind = false
	m.titled(s.Title)
	m.tellAll(all, false)
	if !m.working {
		return
	}
	var now map[string]api.Status // of who has something to do
	if err := m.server.Call(ctx, http.MethodGet, "/session/status", nil, &now); err != nil {
		m.log.Warn("OpenCode did not say what it does", "err", err)
		return
	}
	if _, busy := now[m.native]; !busy {
		m.status(ctx, api.Status{Type: "idle"})
	}
}

// latest is how many messages are read at first: as a rule the rest is known.
const latest = 50

// read reads the messages that may be new.
func (m *mirror) read(ctx context.Context) ([]exchange, error) {
	path := "/session/" + m.native + "/message"
	var all []exchange
	err := m.server.Call(ctx, http.MethodGet, path+"?limit="+strconv.Itoa(latest), nil, &all)
	if err == nil && len(all) == latest && all[0].Info.Time.Created >= m.since && m.messages[all[0].Info.ID] == nil {
		all = nil
		err = m.server.Call(ctx, http.MethodGet, path, nil, &all)
	}
	return all, err
}

// findNew finds the conversation that began before the stream did.
func (m *mirror) findNew(ctx context.Context) {
	var list []session
	if err := m.server.Call(ctx, http.MethodGet, "/session?roots=true&limit=20", nil, &list); err != nil {
		m.log.Warn("OpenCode did not list its conversations", "err", err)
		return
	}
	for i := range list {
		if list[i].began(m.began) && list[i].Directory == m.dir {
			m.created(&list[i])
		}
	}
}

// readRest reads what OpenCode did not live to tell.
func (m *mirror) readRest(ctx context.Context, path string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exportWithin)
	defer cancel()
	all, err := m.export(ctx, path)
	if err != nil {
		m.log.Warn("the end of what was said to OpenCode could not be read", "err", err)
		if !m.met { // nothing was said, as far as anybody knows
			return
		}
		m.notice("The end of what was said at the terminal may be missing here: OpenCode does not give it.")
		return
	}
	m.tellAll(all, true)
}

// export has OpenCode write down the conversation. It goes to a file: what a
// program of its kind writes to a pipe as it ends may be cut.
func (m *mirror) export(ctx context.Context, path string) ([]exchange, error) {
	if err := os.MkdirAll(m.o.Scratch, 0o700); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(m.o.Scratch, "opencode-export-*.json")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name()) //nolint:errcheck // it is ours
	defer file.Close()           //nolint:errcheck // it was read
	cmd := exec.CommandContext(ctx, path, "export", m.native)
	cmd.Dir, cmd.Env, cmd.Stdout = m.o.Dir, m.o.Env, file
	cmd.WaitDelay = streamEnds
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, 0); err != nil {
		return nil, err
	}
	var out struct {
		Messages []exchange `json:"messages"`
	}
	if err := json.NewDecoder(file).Decode(&out); err != nil {
		return nil, fmt.Errorf("read it: %w", err)
	}
	return out.Messages, nil
}
