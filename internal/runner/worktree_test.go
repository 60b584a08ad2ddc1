package runner

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hapi/internal/home"
	"hapi/internal/wire"
)

// tree is a worktree that a test works in.
type tree struct {
	*Worktree
	t *testing.T
}

func newTree(t *testing.T, data *home.Home, repo, name string) tree {
	t.Helper()
	made, err := makeWorktree(t.Context(), repo, name, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w := &Worktree{worktree: *made, home: data}
	if err := w.save(); err != nil {
		t.Fatal(err)
	}
	return tree{w, t}
}

func gitIn(t *testing.T, dir string, args ...string) {
	t.Helper()
	args = append([]string{"-C", dir, "-c", "user.name=T", "-c", "user.email=t@t"}, args...)
	if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func (w tree) git(args ...string) { w.t.Helper(); gitIn(w.t, w.Path, args...) }

func (w tree) write(name string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.Path, name), []byte("hours of work"), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w tree) commit(name string) {
	w.t.Helper()
	w.write(name)
	w.git("add", name)
	w.git("commit", "-m", name)
}

func TestAWorktreeStaysWhileAnythingWouldBeLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		work func(tree)
		want string
	}{
		"a new file":       {func(w tree) { w.write("new.txt") }, "not committed: new.txt"},
		"hidden new files": {func(w tree) { w.write("a b.txt"); w.git("config", "status.showUntrackedFiles", "no") }, "not committed: a b.txt"},
		"a changed file":   {func(w tree) { w.commit("f"); w.merged(); w.write2("f") }, "not committed: f"},
		"a staged file":    {func(w tree) { w.write("s"); w.git("add", "s") }, "not committed: s"},
		"an ignored file": {func(w tree) {
			w.write(".gitignore")
			if err := os.WriteFile(filepath.Join(w.Path, ".gitignore"), []byte(".env\n"), 0o600); err != nil {
				w.t.Fatal(err)
			}
			w.git("add", ".gitignore")
			w.git("commit", "-m", "ignore")
			w.merged()
			w.write(".env")
		}, "ignored by git, and nowhere else: .env"},
		"a file git is not to look at": {func(w tree) {
			w.commit("f")
			w.merged()
			w.git("update-index", "--assume-unchanged", "f")
			w.write2("f")
		}, "git was told not to look at f"},
		"a commit of its own":        {func(w tree) { w.commit("f") }, "commits that are on hapi-x alone: merge or push them first"},
		"a commit on no branch":      {func(w tree) { w.git("checkout", "--detach"); w.commit("f") }, "commits that are on hapi-x alone: merge or push them first"},
		"a commit it went away from": {func(w tree) { w.commit("f"); w.git("checkout", "-b", "other", "main") }, "commits that are on hapi-x alone: merge or push them first"},
		"a merge that is under way": {func(w tree) {
			w.git("checkout", "-b", "other")
			w.commit("f")
			w.git("checkout", "hapi-x")
			w.git("merge", "--no-ff", "--no-commit", "other")
		}, "a merge, rebase or the like is under way"},
		"several files": {func(w tree) {
			for _, name := range []string{"1", "2", "3", "4", "5"} {
				w.write(name)
			}
		}, "not committed: 1, 2, 3 and 2 more"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo := repository(t)
			w := newTree(t, home.At(t.TempDir()), repo, "x")
			if err := w.Loss(t.Context(), false); err != nil {
				t.Fatalf("an untouched one: %v", err)
			}
			c.work(w)
			if err := w.Remove(t.Context(), false); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if _, err := os.Stat(w.Path); err != nil || w.tip(t.Context()) == "" {
				t.Errorf("it was removed: %v", err)
			}
		})
	}
}

// merged takes what the branch has into main.
func (w tree) merged() { w.t.Helper(); gitIn(w.t, w.Base, "merge", w.Branch) }

func (w tree) write2(name string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.Path, name), []byte("more"), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func TestAWorktreeIsRemovedOnceItsWorkIsElsewhere(t *testing.T) {
	t.Parallel()
	for name, settle := range map[string]func(tree){
		"nothing was done": func(tree) {},
		"merged":           func(w tree) { w.commit("f"); w.merged() },
		"tagged":           func(w tree) { w.commit("f"); w.git("tag", "v1") },
		"pushed": func(w tree) {
			w.commit("f")
			remote := w.t.TempDir()
			gitIn(w.t, remote, "init", "--bare")
			w.git("remote", "add", "origin", remote)
			w.git("push", "-u", "origin", w.Branch)
		},
		"on a branch of another name": func(w tree) { w.git("checkout", "-b", "mine"); w.commit("f") },
		"removed by hand":             func(w tree) { gitIn(w.t, w.Base, "worktree", "remove", w.Path) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := home.At(t.TempDir())
			w := newTree(t, data, repository(t), "x")
			settle(w)
			if err := w.Remove(t.Context(), false); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Lstat(w.Path); err == nil || w.tip(t.Context()) != "" {
				t.Error("it is still there")
			}
			if left, err := Worktrees(data); err != nil || len(left) != 0 {
				t.Errorf("still known: %v, %v", left, err)
			}
		})
	}
}

func TestOfTwoWorktreesWithTheSameCommitsOneKeepsThem(t *testing.T) {
	t.Parallel()
	data, repo := home.At(t.TempDir()), repository(t)
	one, two := newTree(t, data, repo, "one"), newTree(t, data, repo, "two")
	one.commit("f")
	two.git("reset", "--hard", one.Branch)
	if err := one.Remove(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if err := two.Remove(t.Context(), false); err == nil || !strings.HasPrefix(err.Error(), "commits that are on hapi-two alone") {
		t.Errorf("the last with the commits: %v", err)
	}
}

func TestIgnoredFilesGoOnlyIfTheyAreNotWanted(t *testing.T) {
	t.Parallel()
	w := newTree(t, home.At(t.TempDir()), repository(t), "x")
	if err := os.WriteFile(filepath.Join(w.Base, ".git", "info", "exclude"), []byte("node_modules\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(w.Path, "node_modules"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.write("node_modules/index.js")
	if err := w.Remove(t.Context(), false); err == nil || err.Error() != "ignored by git, and nowhere else: node_modules/" {
		t.Errorf("got %v", err)
	}
	if err := w.Remove(t.Context(), true); err != nil {
		t.Error(err)
	}
}

func TestAWorktreeThatSomebodyWorksInStays(t *testing.T) {
	t.Parallel()
	m := startMachine(t, options(t, t.TempDir()))
	one := m.mustSpawn(wire.SpawnRequest{Directory: repository(t), SessionType: "worktree", WorktreeName: "x"})
	known, err := Worktrees(m.data)
	if err != nil || len(known) != 1 || known[0].Path != one.Directory {
		t.Fatalf("known: %v, %v", known, err)
	}
	if err := known[0].Remove(t.Context(), true); err == nil || !strings.Contains(err.Error(), "works in it") {
		t.Errorf("got %v", err)
	}
}

func TestAResumedSessionHasItsWorktreeAgain(t *testing.T) {
	t.Parallel()
	o := options(t, t.TempDir())
	m := startMachine(t, o)
	for name, work := range map[string]func(tree){
		"x": func(w tree) { w.commit("f"); w.merged() },
		"y": func(w tree) { w.git("checkout", "-b", "mine"); w.commit("f") },
		"z": func(w tree) { w.commit("f"); w.merged(); w.git("checkout", "--detach") },
	} {
		w := newTree(t, m.data, repository(t), name)
		work(w)
		if err := w.Remove(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		one := m.mustSpawn(wire.SpawnRequest{Directory: w.Path})
		if _, err := os.Stat(filepath.Join(one.Directory, "f")); err != nil || one.Directory != w.Path {
			t.Errorf("%s: the session works in %s: %v", name, one.Directory, err)
		}
		if known, err := Worktrees(m.data); err != nil || len(known) == 0 || known[len(known)-1].Path != w.Path {
			t.Errorf("%s is not known again: %v, %v", name, known, err)
		}
	}

	w := newTree(t, m.data, repository(t), "lost")
	if err := w.Remove(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(w.Base); err != nil {
		t.Fatal(err)
	}
	forgotten := newTree(t, m.data, repository(t), "forgotten")
	for _, path := range []string{forgotten.Path, forgotten.Base} {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := forgotten.Remove(t.Context(), false); err != nil {
		t.Errorf("one whose repository is gone is not forgotten: %v", err)
	}
	got := m.spawn(wire.SpawnRequest{Directory: w.Path})
	if got.Type != wire.SpawnError || !strings.HasPrefix(got.ErrorMessage, "the worktree "+w.Path+" was removed, and cannot be made again") {
		t.Errorf("without its repository: %+v", got)
	}
}
