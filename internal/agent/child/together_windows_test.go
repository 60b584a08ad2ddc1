package child

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// init lets the test's own program be what has children, and be such a child.
func init() {
	switch os.Getenv("TEST_ROLE") {
	case "parent":
		os.Exit(parent())
	case "child":
		time.Sleep(10 * time.Minute) // until it is killed
		os.Exit(0)
	}
}

// parent starts a child that stays with it and one that breaks away, tells their
// ids, and waits to be killed.
func parent() int {
	if err := KeepTogether(); err != nil {
		return 1
	}
	for _, flags := range []uint32{0, windows.CREATE_BREAKAWAY_FROM_JOB} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "TEST_ROLE=child")
		cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: flags}
		if err := cmd.Start(); err != nil {
			return 1
		}
		_, _ = os.Stdout.WriteString(strconv.Itoa(cmd.Process.Pid) + "\n")
	}
	time.Sleep(10 * time.Minute) // until it is killed
	return 0
}

func TestWhatAKilledProcessStartedEndsWithIt(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "TEST_ROLE=parent")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	kept, free := childOf(t, lines), childOf(t, lines)
	t.Cleanup(func() { _ = free.Kill() })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = kept.Wait() // what matters is that it ended
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("it went on without its parent")
	}
	if state, err := windows.WaitForSingleObject(handleOf(t, free.Pid), 0); err != nil || state != uint32(windows.WAIT_TIMEOUT) {
		t.Errorf("what had broken away has ended: %d, %v", state, err)
	}
	_ = cmd.Wait() // it was killed
}

func childOf(t *testing.T, lines *bufio.Reader) *os.Process {
	t.Helper()
	line, err := lines.ReadString('\n')
	pid, bad := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || bad != nil {
		t.Fatalf("it said %q: %v", line, err)
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func handleOf(t *testing.T, pid int) windows.Handle {
	t.Helper()
	h, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = windows.CloseHandle(h) })
	return h
}
