//go:build unix

package child

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// TestMain lets the test's own program be a wrapper with a terminal: whose the
// terminal is shows only to the leader of its session.
func TestMain(m *testing.M) {
	if script := os.Getenv("TEST_FOREGROUND"); script != "" {
		os.Exit(wrapper(script))
	}
	os.Exit(m.Run())
}

// wrapper runs a script in the foreground, until it gets a SIGTERM.
func wrapper(script string) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	if limit, err := time.ParseDuration(os.Getenv("TEST_LIMIT")); err == nil {
		time.AfterFunc(limit, func() { cancel(errors.New("taken over")) })
	}
	err := Foreground{Path: "/bin/sh", Args: []string{"-c", script}, Env: append(os.Environ(), "TWICE=a", "TWICE=b"), Terminal: [3]*os.File{os.Stdin, os.Stdout, os.Stderr}}.Run(ctx)
	text := "fine"
	if err != nil {
		text = err.Error()
	}
	_, _ = os.Stdout.WriteString("ended: " + text + "\n")
	line, _ := bufio.NewReader(os.Stdin).ReadString('\n') // the terminal is ours again
	_, _ = os.Stdout.WriteString("read: " + line)
	return 0
}

// inTerminal runs a wrapper in a terminal; the person there types, and what is
// on the screen is returned.
func inTerminal(t *testing.T, script, limit, typed string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file, end, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	keepOutput(t, end)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // then the terminal goes, and what is on the screen tells why
	defer cancel()
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(os.Environ(), "TEST_FOREGROUND="+script, "TEST_LIMIT="+limit)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = end, end, end
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = cmd.Start()
	_ = end.Close() // the wrapper has its own
	if err != nil {
		t.Fatal(err)
	}
	var seen strings.Builder
	b := make([]byte, 1024)
	for {
		n, err := file.Read(b)
		seen.Write(b[:n])
		if strings.Contains(seen.String(), "ready") && typed != "" {
			_, _ = io.WriteString(file, typed)
			typed = ""
		}
		if strings.Contains(seen.String(), "ended: ") && !strings.Contains(seen.String(), "read: ") {
			_, _ = io.WriteString(file, "hello\n")
		}
		if err != nil { // the terminal is gone with its last program
			break
		}
	}
	_ = cmd.Wait() // how it ended is on the screen
	return seen.String()
}

// keepOutput makes a terminal keep what was written when Ctrl-C is typed. As a
// rule it throws that away after it has sent the signal: with bad luck also what
// a quick wrapper has said since.
func keepOutput(t *testing.T, tty *os.File) {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(tty.Fd()), getTermios)
	if err == nil {
		state.Lflag |= unix.NOFLSH
		err = unix.IoctlSetTermios(int(tty.Fd()), setTermios, state)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheTerminalIsTheProgramsAndThenOursAgain(t *testing.T) {
	t.Parallel()
	got := inTerminal(t, `echo ready; read line; echo "got: $line $(env | grep ^TWICE | tr -d '\\n')"`, "", "typed\n")
	for _, want := range []string{"got: typed TWICE=b", "ended: fine", "read: hello"} {
		if !strings.Contains(got, want) {
			t.Errorf("the screen does not show %q:\n%s", want, got)
		}
	}
}

func TestHowAProgramEnds(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{
		`exit 3`:                      "ended: Process exited with code: 3",
		`kill -KILL $$`:               "ended: Process terminated with signal: SIGKILL",
		`echo ready; exec sleep 1000`: "ended: Process terminated with signal: SIGINT", // by Ctrl-C, which is the program's; a shell between them may keep it for itself
	} {
		if got := inTerminal(t, script, "", "\x03"); !strings.Contains(got, want) {
			t.Errorf("%q shows no %q:\n%s", script, want, got)
		}
	}
}

func TestAClosedTerminalIsTheReasonHoweverAProgramSaysIt(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{`echo ready; trap '' HUP; read line; exit 1`: "SIGHUP", `exit 1`: ""} {
		file, end, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		go func() { // the person who closes the window
			seen := bufio.NewReader(file)
			for {
				if line, err := seen.ReadString('\n'); err != nil || strings.Contains(line, "ready") {
					break
				}
			}
			if want != "" {
				_ = file.Close()
			}
		}()
		err = Foreground{Path: "/bin/sh", Args: []string{"-c", script}, Env: os.Environ(), Terminal: [3]*os.File{end, end, end}}.Run(t.Context())
		if exit := (*Exit)(nil); !errors.As(err, &exit) || exit.Signal != want {
			t.Errorf("%q ended with %v, want the signal %q", script, err, want)
		}
		_ = end.Close()
		_ = file.Close()
	}
}

func TestAProgramThatIsTakenOverEndsWithAllItStarted(t *testing.T) {
	t.Parallel()
	pidFile := filepath.Join(t.TempDir(), "pid")
	got := inTerminal(t, `trap '' TERM; (trap '' TERM HUP; while :; do sleep 0.1; done) & echo $! > '`+pidFile+`'; echo ready; while :; do sleep 0.1; done`, "500ms", "")
	if !strings.Contains(got, "ended: taken over") || !strings.Contains(got, "read: hello") {
		t.Errorf("the screen shows:\n%s", got)
	}
	raw, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	for _, d := range strings.TrimSpace(string(raw)) {
		pid = pid*10 + int(d-'0')
	}
	if _, alive := table()[pid]; pid <= 1 || alive {
		t.Errorf("process %d is still there", pid)
	}
}

func TestAStoppedProgramIsContinuedWhereNoShellWouldDoIt(t *testing.T) {
	t.Parallel()
	got := inTerminal(t, `echo ready; kill -STOP $$; echo went on`, "", "")
	if !strings.Contains(got, "went on") || !strings.Contains(got, "ended: fine") {
		t.Errorf("the screen shows:\n%s", got)
	}
}
