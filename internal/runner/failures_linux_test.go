package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"hapi/internal/home"
	"hapi/internal/wire"
)

// asNobody runs f as somebody who owns nothing, for the file system: root may use
// every directory, and could not show what happens to others.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		err := unix.Setfsuid(65534)
		if now, _ := unix.SetfsuidRetUid(-1); now != 65534 {
			err = errors.Join(err, fmt.Errorf("the file system sees user %d", now))
		}
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestADirectoryThatMayNotBeUsedIsASentence(t *testing.T) {
	t.Parallel()
	m := startMachine(t, options(t, t.TempDir()))
	top := t.TempDir()
	for dir := top; dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) { // the way there is not what is forbidden
		_ = os.Chmod(dir, 0o755)
	}
	closed, unreadable := filepath.Join(top, "closed"), filepath.Join(top, "unreadable")
	for dir, mode := range map[string]os.FileMode{closed: 0o000, unreadable: 0o111} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	}
	if err := os.Chmod(top, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(top, 0o700) })
	for _, dir := range []string{closed, closed + "/project", unreadable, top + "/new", unreadable + "/new"} {
		var got wire.SpawnResult
		asNobody(t, func() { got = m.spawn(wire.SpawnRequest{Directory: dir}) })
		want := "the user that runs hapi may not use " + dir + ": permission denied"
		if got.Type != wire.SpawnError || got.ErrorMessage != want {
			t.Errorf("got %+v, want %q", got, want)
		}
	}
}

// spawnOnFullDisk is a process that asks a runner for sessions where there is no
// room, and prints what it was answered.
func spawnOnFullDisk(dir string) int {
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4m,nr_inodes=2000,mode=0700"); err != nil {
		fmt.Fprintln(os.Stderr, "mount:", err)
		return 1
	}
	say := func(what string, err error) int {
		fmt.Fprintln(os.Stderr, what, err)
		return 1
	}
	repo := filepath.Join(dir, "repo")
	for _, args := range [][]string{{"init", "-q", repo}, {"-C", repo, "add", "."}, {"-C", repo, "commit", "-q", "-m", "x"}} {
		if args[0] != "init" && args[2] == "add" {
			if err := os.WriteFile(filepath.Join(repo, "big"), make([]byte, 1<<20), 0o600); err != nil {
				return say("write", err)
			}
		}
		cmd := exec.Command("git", append([]string{"-c", "user.name=T", "-c", "user.email=t@t"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return say(string(out), err)
		}
	}
	full, err := os.Create(filepath.Join(dir, "full"))
	if err != nil {
		return say("create", err)
	}
	for chunk := make([]byte, 4096); err == nil; {
		_, err = full.Write(chunk)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return say("fill", err)
	}
	tmp, err := os.MkdirTemp("", "hapi-full-")
	if err != nil {
		return say("make a directory", err)
	}
	defer os.RemoveAll(tmp)
	exe, err := os.Executable()
	if err != nil {
		return say("find this program", err)
	}
	ask := func(data string, in wire.SpawnRequest) {
		r, err := newRunner(Options{
			Home: &home.Home{Dir: data}, Executable: exe, Offered: func(string) bool { return true }, Client: &home.Client{Hostname: "box"},
			Env: []string{"TEST_SESSION=dies"}, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		in.Agent = "demo"
		raw, err := json.Marshal(in)
		if err != nil {
			fmt.Println(err)
			return
		}
		result, err := r.spawn(context.Background(), raw)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(result.(wire.SpawnResult).ErrorMessage)
	}
	ask(tmp, wire.SpawnRequest{Directory: repo, SessionType: "worktree", WorktreeName: "x"})
	out, _ := exec.Command("git", "-C", repo, "branch", "--list", "hapi-*").CombinedOutput()
	fmt.Printf("branches: %q\n", out)
	// The last of the inodes, too.
	for n := 0; ; n++ {
		if err := os.Mkdir(filepath.Join(dir, fmt.Sprint("d", n)), 0o700); err != nil {
			break
		}
	}
	ask(tmp, wire.SpawnRequest{Directory: filepath.Join(dir, "new")})
	ask(dir, wire.SpawnRequest{Directory: tmp})
	return 0
}

func TestAFullDiskIsASentence(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TEST_FULL_DISK="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		// TestEveryFailureOfADirectoryIsASentence has the sentence itself.
		t.Skipf("this system lets nobody mount: %v %s", err, out)
	}
	repo := filepath.Join(dir, "repo")
	want := []string{
		"there is no room for a worktree of " + repo + ": the disk is full",
		`branches: ""`, // nothing is left of it
		filepath.Join(dir, "new") + " cannot be made: the disk is full",
		"the session's log was not made: " + filepath.Join(dir, "logs") + " cannot be made: the disk is full",
	}
	if got := strings.Split(strings.TrimSpace(string(out)), "\n"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
