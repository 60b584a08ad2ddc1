package runner

import (
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hapi/internal/wire"
)

func TestASessionThatGetsOnIsWaitedForAndASilentOneIsNot(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says []time.Duration // when it says what it does
		done time.Duration   // when it has its session; 0: never
		want string          // the failure
		at   time.Duration
	}{
		"quick":               {nil, 5 * time.Second, "", 5 * time.Second},
		"slow, but gets on":   {[]time.Duration{15 * time.Second, 30 * time.Second, 45 * time.Second}, 60 * time.Second, "", 60 * time.Second},
		"silent":              {nil, 0, "the session was not ready within 20s while it was starting (pid 7), and was stopped", 20 * time.Second},
		"silent after a word": {[]time.Duration{10 * time.Second}, 0, "the session was not ready within 20s while it was asking (pid 7), and was stopped", 30 * time.Second},
		"never done": {
			[]time.Duration{15 * time.Second, 30 * time.Second, 45 * time.Second, 60 * time.Second, 75 * time.Second, 90 * time.Second}, 0,
			"the session was not ready within 1m40s, was still asking (pid 7), and was stopped", 100 * time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				one := &child{identity: identity{PID: 7}, doing: make(chan string, 8), reported: make(chan struct{}), exited: make(chan struct{})}
				r := &Runner{o: Options{ReportWithin: 20 * time.Second}, log: slog.New(slog.DiscardHandler), children: &children{all: map[int]*child{7: one}}}
				for _, at := range c.says {
					time.AfterFunc(at, func() { r.children.starting(7, "asking") })
				}
				if c.done > 0 {
					time.AfterFunc(c.done, func() { close(one.reported) })
				}
				began, got := time.Now(), ""
				if err := r.awaitReport(t.Context(), one); err != nil {
					got = err.Error()
				}
				if took := time.Since(began); got != c.want || took != c.at {
					t.Errorf("after %s: %q, want %q after %s", took, got, c.want, c.at)
				}
			})
		})
	}
}

func TestABranchThatExistsIsLeftAloneAndAnotherNameIsTaken(t *testing.T) {
	t.Parallel()
	m := startMachine(t, options(t, t.TempDir()))
	repo := repository(t)
	if _, err := git(t.Context(), repo, "branch", "hapi-fix"); err != nil {
		t.Fatal(err)
	}
	before, err := git(t.Context(), repo, "rev-parse", "hapi-fix")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 6 { // several at once, of one name
		wait.Go(func() {
			if got := m.spawn(wire.SpawnRequest{Directory: repo, SessionType: "worktree", WorktreeName: "fix"}); got.Type != wire.SpawnSuccess {
				t.Errorf("spawn: %+v", got)
			}
		})
	}
	wait.Wait()
	dirs := map[string]bool{}
	for _, one := range m.r.children.known() {
		dirs[one.Directory] = true
		if !strings.HasPrefix(one.Directory, repo+"-worktrees/fix-") {
			t.Errorf("a session works in %s", one.Directory)
		}
	}
	if len(dirs) != 6 {
		t.Errorf("6 sessions work in %d directories", len(dirs))
	}
	if after, err := git(t.Context(), repo, "rev-parse", "hapi-fix"); err != nil || after != before {
		t.Errorf("the branch that was there is %q, %v; it was %q", after, err, before)
	}
}

// The sentence of a full disk, also where no test can fill one.
func TestEveryFailureOfADirectoryIsASentence(t *testing.T) {
	t.Parallel()
	for errno, want := range map[syscall.Errno]string{
		syscall.ENOSPC: "/d cannot be made: the disk is full", syscall.EROFS: "/d cannot be made: the file system is read-only",
		syscall.EACCES: "the user that runs hapi may not use /d: permission denied", syscall.EIO: "/d cannot be used: input/output error",
	} {
		if got := directoryFailure("/d", &fs.PathError{Op: "mkdir", Path: "/d/e", Err: errno}).Error(); got != want {
			t.Errorf("%v: got %q, want %q", errno, got, want)
		}
	}
}

func TestTwentySessionsOfOneMachine(t *testing.T) {
	t.Parallel()
	const many = 20
	dir, work := t.TempDir(), t.TempDir()
	m := startMachine(t, options(t, dir))
	results := make(chan wire.SpawnResult, many)
	for n := range many {
		go func() {
			results <- m.spawn(wire.SpawnRequest{Directory: filepath.Join(work, strconv.Itoa(n)), ExistingSessionID: wire.SessionID("row-" + strconv.Itoa(n))})
		}()
	}
	for range many {
		if got := <-results; got.Type != wire.SpawnSuccess {
			t.Errorf("spawn: %+v", got)
		}
	}
	if err := m.stop(); err != nil {
		t.Fatal(err)
	}
	next := startMachine(t, options(t, dir))
	listed := map[wire.SessionID]bool{}
	for _, c := range next.r.List() {
		listed[c.SessionID] = true
	}
	if len(listed) != many {
		t.Errorf("%d of %d sessions were taken over", len(listed), many)
	}
	stopped := make(chan wire.StopResult, many)
	for id := range listed {
		go func() { stopped <- next.r.StopSession(t.Context(), string(id)) }()
	}
	for range listed {
		if got := <-stopped; got.Status != wire.StopStopped {
			t.Errorf("stop: %+v", got)
		}
	}
}

func TestARunnerGoesOnWithoutItsHubAndIsBackWithIt(t *testing.T) {
	t.Parallel()
	data, root := t.TempDir(), t.TempDir()
	url, stop := hubAt(t, data, "127.0.0.1:0")
	o := options(t, t.TempDir())
	o.Client.APIURL.Text, o.Roots = url, []string{root}
	m := startMachine(t, o)
	connected := func() bool { return m.r.Status().Connected }
	m.wait("the connection", connected)
	stop()
	m.wait("the loss of the hub", func() bool { return !connected() })

	// Sessions start, end and are known without it.
	one := m.mustSpawn(wire.SpawnRequest{Directory: root})
	other := m.mustSpawn(wire.SpawnRequest{Directory: root})
	if got := m.r.StopSession(t.Context(), string(other.SessionID)); got.Status != wire.StopStopped {
		t.Errorf("stop: %+v", got)
	}
	if got := m.spawn(wire.SpawnRequest{Directory: root, Agent: "pi"}); got.Type != wire.SpawnError {
		t.Errorf("spawn: %+v", got)
	}

	_, stop = hubAt(t, data, strings.TrimPrefix(url, "http://"))
	t.Cleanup(stop)
	m.wait("the connection to be back", connected)
	var grant struct{ Token string }
	hubCall(t, url, "", http.MethodPost, "/api/auth", `{"accessToken":"`+token+`"}`, &grant)
	m.wait("what happened meanwhile to be on the hub", func() bool {
		var list struct{ Machines []shownMachine }
		hubCall(t, url, grant.Token, http.MethodGet, "/api/machines", "", &list)
		if len(list.Machines) != 1 || !list.Machines[0].Active || !slices.Equal(list.Machines[0].Metadata.Roots, o.Roots) {
			return false
		}
		s := list.Machines[0].RunnerState
		return s.Status == wire.RunnerRunning && s.LastSpawnError != nil && strings.Contains(s.LastSpawnError.Message, `"pi"`)
	})
	var spawned struct{ Type string }
	hubCall(t, url, grant.Token, http.MethodPost, "/api/machines/machine-1/spawn", `{"directory":"`+root+`","agent":"codex"}`, &spawned)
	if spawned.Type != wire.SpawnSuccess {
		t.Errorf("spawn by the hub that is back: %+v", spawned)
	}
	if got := m.r.List(); len(got) != 2 || one.fate() != alive {
		t.Errorf("list: %+v", got)
	}
}

func TestAnUnwritableLogDirectoryIsASentence(t *testing.T) {
	t.Parallel()
	o := options(t, t.TempDir())
	m := startMachine(t, o)
	if err := os.RemoveAll(o.Home.Path("logs")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.Home.Path("logs"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want := o.Home.Path("logs") + " cannot exist: a part of the path is a file"
	if got := m.spawn(wire.SpawnRequest{Directory: t.TempDir()}); got.Type != wire.SpawnError || !strings.Contains(got.ErrorMessage, want) {
		t.Errorf("got %+v, want %q", got, want)
	}
}
