package acp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"unicode/utf8"

	sdk "github.com/coder/acp-go-sdk"
	"github.com/google/uuid"

	"hapi/internal/agent/child"
)

const (
	// shellOutput is how much output of a command is kept where the agent does
	// not say, and at most.
	shellOutput = 1 << 20
	// openShells is how many commands an agent may have.
	openShells = 64
)

// shells are the commands that an agent runs through us.
type shells struct {
	files *files
	env   []string

	mu     sync.Mutex
	closed bool
	all    map[string]*shell
}

// shell is one command.
type shell struct {
	cmd   *exec.Cmd
	done  chan struct{} // closed when it has ended
	limit int

	mu        sync.Mutex
	output    []byte
	truncated bool
}

func newShells(files *files, env []string) *shells {
	return &shells{files: files, env: env, all: map[string]*shell{}}
}

var (
	errNoShell       = errors.New("there is no such terminal")
	errTooManyShells = errors.New("too many terminals are open: release some first")
)

// create serves terminal/create.
func (s *shells) create(params json.RawMessage) (any, *sdk.RequestError) {
	var in struct {
		Command string   `json:"command"`
		Args    []string `json:"args"`
		Cwd     string   `json:"cwd"`
		Env     []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"env"`
		OutputByteLimit *int `json:"outputByteLimit"`
	}
	if err := json.Unmarshal(params, &in); err != nil {
		return nil, invalidParams(err)
	}
	if in.Command == "" {
		return nil, invalidParams(errors.New("command is missing"))
	}
	dir, err := s.directory(in.Cwd)
	if err != nil {
		return nil, refusal(err)
	}
	name, args := in.Command, in.Args
	if len(args) == 0 { // a whole command line
		name, args = commandLine(in.Command)
	}
	sh := &shell{cmd: exec.Command(name, args...), done: make(chan struct{}), limit: shellOutput} //nolint:gosec,noctx // what a person allowed; close ends it
	if in.OutputByteLimit != nil && *in.OutputByteLimit >= 0 {
		sh.limit = min(*in.OutputByteLimit, shellOutput)
	}
	sh.cmd.Dir, sh.cmd.Env, sh.cmd.Stdout, sh.cmd.Stderr, sh.cmd.WaitDelay = dir, s.env, sh, sh, readWithin
	if sh.cmd.Env == nil {
		sh.cmd.Env = os.Environ()
	}
	for _, e := range in.Env {
		sh.cmd.Env = append(slices.Clip(sh.cmd.Env), e.Name+"="+e.Value)
	}
	child.OwnGroup(sh.cmd)
	id, err := s.start(sh)
	if err != nil {
		return nil, refusal(fmt.Errorf("run the command: %w", err))
	}
	return sdk.CreateTerminalResponse{TerminalId: id}, nil
}

func commandLine(line string) (string, []string) {
	if runtime.GOOS == "windows" {
		return "cmd", []string{"/C", line}
	}
	return "/bin/sh", []string{"-c", line}
}

// directory is where a command runs: the session's, or one in it.
func (s *shells) directory(cwd string) (string, error) {
	rel, err := s.files.inside(cwd)
	if err != nil {
		return "", err
	}
	info, err := s.files.root.Stat(rel) // a link that leads outside is refused here
	if err != nil {
		return "", fmt.Errorf("the directory of the command: %w", err)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%s is not a directory", cwd)
	}
	return filepath.Join(s.files.dirs[0], rel), nil
}

func (s *shells) start(sh *shell) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return "", errEnded
	case len(s.all) >= openShells:
		return "", errTooManyShells
	}
	if err := sh.cmd.Start(); err != nil {
		return "", err
	}
	id := "term_" + uuid.NewString()
	s.all[id] = sh
	go func() {
		_ = sh.cmd.Wait() // its state says how it ended
		close(sh.done)
	}()
	return id, nil
}

func (s *shells) find(params json.RawMessage) (*shell, string, *sdk.RequestError) {
	var in struct {
		TerminalID string `json:"terminalId"`
	}
	if err := json.Unmarshal(params, &in); err != nil {
		return nil, "", invalidParams(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.all[in.TerminalID]
	if sh == nil {
		return nil, "", refusal(errNoShell)
	}
	return sh, in.TerminalID, nil
}

// show serves terminal/output.
func (s *shells) show(params json.RawMessage) (any, *sdk.RequestError) {
	sh, _, refused := s.find(params)
	if refused != nil {
		return nil, refused
	}
	text, truncated := sh.said()
	return sdk.TerminalOutputResponse{Output: text, Truncated: truncated, ExitStatus: sh.exit()}, nil
}

// wait serves terminal/wait_for_exit.
func (s *shells) wait(ctx context.Context, params json.RawMessage) (any, *sdk.RequestError) {
	sh, _, refused := s.find(params)
	if refused != nil {
		return nil, refused
	}
	select {
	case <-sh.done:
		e := sh.exit()
		return sdk.WaitForTerminalExitResponse{ExitCode: e.ExitCode, Signal: e.Signal}, nil
	case <-ctx.Done():
		return nil, &sdk.RequestError{Code: codeCancelled, Message: "Request cancelled"}
	}
}

// kill serves terminal/kill: the command ends, its output stays.
func (s *shells) kill(params json.RawMessage) (any, *sdk.RequestError) {
	sh, _, refused := s.find(params)
	if refused != nil {
		return nil, refused
	}
	sh.end()
	return sdk.KillTerminalResponse{}, nil
}

// release serves terminal/release: the command ends and is forgotten. What the
// conversation shows of it has been taken by then.
func (s *shells) release(params json.RawMessage) (any, *sdk.RequestError) {
	sh, id, refused := s.find(params)
	if refused != nil {
		return nil, refused
	}
	sh.end()
	s.mu.Lock()
	delete(s.all, id)
	s.mu.Unlock()
	return sdk.ReleaseTerminalResponse{}, nil
}

// text is what a command has said so far.
func (s *shells) text(id string) string {
	s.mu.Lock()
	sh := s.all[id]
	s.mu.Unlock()
	if sh == nil {
		return ""
	}
	text, _ := sh.said()
	return text
}

// close ends all commands.
func (s *shells) close() {
	s.mu.Lock()
	s.closed = true
	all := slices.Collect(maps.Values(s.all))
	s.mu.Unlock()
	var ending sync.WaitGroup
	for _, sh := range all {
		ending.Go(sh.end)
	}
	ending.Wait()
}

func (sh *shell) end() {
	select {
	case <-sh.done:
	default:
		child.Kill(sh.cmd, sh.done)
		<-sh.done
	}
}

// Write keeps the end of the output.
func (sh *shell) Write(b []byte) (int, error) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.output = append(sh.output, b...)
	if over := len(sh.output) - sh.limit; over > 0 {
		sh.truncated = true
		for over < len(sh.output) && !utf8.RuneStart(sh.output[over]) {
			over++
		}
		sh.output = append(sh.output[:0], sh.output[over:]...)
	}
	return len(b), nil
}

func (sh *shell) said() (text string, truncated bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return string(sh.output), sh.truncated
}

// exit is nil while the command runs.
func (sh *shell) exit() *sdk.TerminalExitStatus {
	select {
	case <-sh.done:
	default:
		return nil
	}
	state := sh.cmd.ProcessState
	if code := state.ExitCode(); code >= 0 {
		return &sdk.TerminalExitStatus{ExitCode: &code}
	}
	signal := state.String()
	return &sdk.TerminalExitStatus{Signal: &signal}
}
