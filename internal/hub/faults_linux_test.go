package hub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"hapi/internal/hub/apitest"
	"hapi/internal/wire"
)

func init() {
	if os.Getenv("HAPI_TEST_HUB") != "" {
		signal.Ignore(syscall.SIGXFSZ) // a write beyond the limit fails instead
	}
}

// limitFiles sets how large files of a process may get.
func limitFiles(t *testing.T, pid int, most uint64) {
	t.Helper()
	limit := syscall.Rlimit{Cur: most, Max: ^uint64(0)}
	_, _, errno := syscall.Syscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		t.Fatalf("prlimit: %v", errno)
	}
}

// bindByPermissions makes permissions of files count for this goroutine even if
// it is root's, until undo is called: a thread without the capability to override
// them is bound by them as anybody is.
func bindByPermissions(t *testing.T) (undo func()) {
	t.Helper()
	if os.Getuid() != 0 {
		return func() {}
	}
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData
	if err := unix.Capget(&header, &had[0]); err != nil {
		t.Fatalf("capget: %v", err)
	}
	less := had
	less[0].Effective &^= 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH
	if err := unix.Capset(&header, &less[0]); err != nil {
		t.Fatalf("capset: %v", err)
	}
	return func() {
		if err := unix.Capset(&header, &had[0]); err != nil {
			t.Errorf("capset: %v", err) // the thread ends with its goroutine
			return
		}
		runtime.UnlockOSThread()
	}
}

func TestDiskThatFillsUpLosesNothing(t *testing.T) {
	t.Parallel()
	h := &testHub{t: t, dir: t.TempDir(), http: apitest.Client(t), url: "http://" + freeAddress(t)}
	c := &child{h: h}
	c.start()
	defer func() { c.kill() }()
	h.jwt = h.signIn(baseToken)
	p := h.newSession(baseToken, nil, true)
	say(t, p, "line 0.")
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	wal, err := os.Stat(filepath.Join(h.dir, "hapi.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	limitFiles(t, c.cmd.Process.Pid, uint64(wal.Size())+16<<10)

	// The process goes on to speak, and keeps what the hub cannot.
	const lines = 300
	for n := 1; n < lines; n++ {
		say(t, p, fmt.Sprintf("line %d.", n))
	}
	path := "/api/sessions/" + string(p.session.ID) + "/messages"
	var sent []wire.LocalID
	refused := false
	h.eventually("the disk to be full", func() bool {
		local := wire.LocalID(fmt.Sprint("local-", len(sent)))
		status, raw := h.call(h.jwt, http.MethodPost, path, fmt.Sprintf(`{"text":%q,"localId":%q}`, strings.Repeat("long ", 1000), local))
		if status == http.StatusOK {
			sent = append(sent, local)
			return false
		}
		var failure struct{ Error, Code string }
		if err := json.Unmarshal(raw, &failure); err != nil || status != http.StatusServiceUnavailable || !strings.HasPrefix(failure.Code, "storage_") {
			t.Fatalf("got %d %s", status, raw)
		}
		refused = true
		return true
	})
	// What is there can be read meanwhile.
	h.page(p.session.ID, "limit=50")
	if status, _ := h.call("", http.MethodGet, "/health", nil); status != http.StatusOK || !refused {
		t.Errorf("health: got %d", status)
	}

	limitFiles(t, c.cmd.Process.Pid, ^uint64(0))
	flushing, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.Flush(flushing); err != nil {
		t.Fatalf("after space was made: %v", err)
	}
	local := wire.LocalID("after")
	h.want(http.StatusOK, http.MethodPost, path, map[string]any{"text": "after", "localId": local}, nil)
	sent = append(sent, local)
	h.eventually("all prompts to be taken", func() bool { return h.allTaken(p.session.ID, sent) })
	checkConversation(t, h.everything(p.session.ID, 200), lines, sent)
	c.kill()
	c.start()
	checkConversation(t, h.everything(p.session.ID, 200), lines, sent)
}
