package child

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// init lets the test's own program be an owner that can be killed.
func init() {
	if os.Getenv("TEST_OWNER") != "" {
		os.Exit(owner())
	}
}

// owner starts a command that bears its mark, tells its id, and goes on.
func owner() int {
	cmd := exec.Command("sleep", "600")
	cmd.Env = append(os.Environ(), Mark+"="+NewMark())
	if err := cmd.Start(); err != nil {
		return 1
	}
	_, _ = os.Stdout.WriteString(strconv.Itoa(cmd.Process.Pid) + "\n")
	_ = cmd.Wait() // until the owner is killed, or the command
	return 0
}

// startOwner gives an owner and the id of what it has started.
func startOwner(t *testing.T) (*exec.Cmd, int) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), "TEST_OWNER=1")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	pid, bad := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || bad != nil {
		t.Fatalf("the owner said %q: %v", line, err)
	}
	return cmd, pid
}

func TestWhatAKilledOwnerLeftIsSweptAndNothingElse(t *testing.T) {
	t.Parallel()
	killed, orphan := startOwner(t)
	living, kept := startOwner(t)
	t.Cleanup(func() { // not left to the next sweep
		Process{PID: kept, start: table()[kept].start}.kill()
		_ = living.Wait()
	})
	SweepOrphans()
	for _, pid := range []int{orphan, kept} {
		if _, alive := table()[pid]; !alive {
			t.Fatalf("process %d has gone, though its owner lives", pid)
		}
	}
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the end of the owner", func() bool { _, alive := table()[killed.Process.Pid]; return !alive }) // nobody has waited for it: a zombie
	SweepOrphans()
	waitFor(t, "the end of what it left", func() bool { _, alive := table()[orphan]; return !alive })
	_ = killed.Wait() // it was killed
	if _, alive := table()[kept]; !alive {
		t.Error("what a living owner has started was killed")
	}
}

func TestAMarkOfElsewhereIsNobodysToSweep(t *testing.T) {
	t.Parallel()
	gone := strconv.Itoa(1<<22 + 1) // above any process id
	for _, mark := range []string{"", "outer", "1.2.3", "elsewhere." + gone + ".1.x", "here.0.1.x", "here.-1.1.x", "here.pid.1.x", "here." + strconv.Itoa(os.Getpid()) + "." + table()[os.Getpid()].start + ".x"} {
		if ownerHasGone(mark, "here") {
			t.Errorf("the owner of %q is taken for gone", mark)
		}
	}
	for _, mark := range []string{"here." + gone + ".1.x", "here." + strconv.Itoa(os.Getpid()) + ".1.x"} {
		if !ownerHasGone(mark, "here") {
			t.Errorf("the owner of %q is taken for alive", mark)
		}
	}
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for !holds() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatalf("waiting for %s", what)
		}
	}
}
