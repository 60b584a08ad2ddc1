package workspace

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hapi/internal/wire"
)

// project is a directory with some files, and a secret beside it.
type project struct {
	t   *testing.T
	dir string
	w   *Workspace
}

func newProject(t *testing.T) *project {
	t.Helper()
	outer, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &project{t: t, dir: filepath.Join(outer, "project")}
	p.write("../secret.txt", "the secret")
	p.write("README.md", "# Demo\n")
	p.write("src/app.txt", "one\ntwo\n")
	if p.w, err = Open(p.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.w.Close() })
	return p
}

func (p *project) write(name, content string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) link(target, name string) {
	p.t.Helper()
	if err := os.Symlink(target, filepath.Join(p.dir, name)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) git(args ...string) {
	p.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=T", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"}, args...)...)
	cmd.Dir = p.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// call calls a method as a hub does and decodes the answer.
func call[R any](p *project, name string, params any) R {
	p.t.Helper()
	raw, err := json.Marshal(params)
	if err != nil {
		p.t.Fatal(err)
	}
	result, err := p.w.Methods()[name](p.t.Context(), raw)
	if err != nil {
		p.t.Fatal(err)
	}
	if raw, err = json.Marshal(result); err != nil {
		p.t.Fatal(err)
	}
	var out R
	if err := json.Unmarshal(raw, &out); err != nil {
		p.t.Fatal(err)
	}
	return out
}

type anyResult struct {
	wire.CommandResult
	Content string `json:"content"`
	Entries []struct {
		Name, Path, Type string
		Size             *int64
	} `json:"entries"`
}

func TestFilesAreRead(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	for _, path := range []string{"README.md", "./src/../README.md", filepath.Join(p.dir, "README.md")} {
		got := call[wire.FileContent](p, wire.MethodReadFile, wire.PathParams{Path: path})
		raw, err := base64.StdEncoding.DecodeString(got.Content)
		if err != nil || !got.Success || string(raw) != "# Demo\n" || got.Size != 7 || got.Modified == 0 {
			t.Errorf("%s: got %+v", path, got)
		}
	}
}

func TestNothingLeadsOutOfTheWorkspace(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.link("../secret.txt", "link")
	p.link(filepath.Join(p.dir, "../secret.txt"), "absolute")
	p.link("..", "up")
	p.link("up", "twice")
	outside := filepath.Join(filepath.Dir(p.dir), "secret.txt")
	for _, path := range []string{
		"../secret.txt", "src/../../secret.txt", outside, "link", "absolute", "up/secret.txt", "twice/secret.txt", "up/project/link", p.dir + "2/x", "a\x00b",
	} {
		for name, params := range map[string]any{
			wire.MethodReadFile:      wire.PathParams{Path: path},
			wire.MethodListDirectory: wire.PathParams{Path: path},
			wire.MethodRipgrep:       wire.RipgrepParams{Args: []string{"--files"}, CWD: path},
			wire.MethodGitStatus:     wire.GitParams{CWD: path},
		} {
			got := call[anyResult](p, name, params)
			if got.Success || got.Error == "" || strings.Contains(got.Error, "the secret") {
				t.Errorf("%s %q: got %+v, want a refusal", name, path, got)
			}
		}
	}
	for _, path := range []string{"up", "twice"} {
		if got := call[anyResult](p, wire.MethodListDirectory, wire.PathParams{Path: path}); got.Success {
			t.Errorf("%s was listed: %+v", path, got)
		}
	}
	if got := call[anyResult](p, wire.MethodStatFiles, wire.StatParams{Paths: []string{"link", "README.md"}}); got.Entries[0].Size != nil || got.Entries[1].Size == nil {
		t.Errorf("a link out has a size: %+v", got)
	}
	if got := call[anyResult](p, wire.MethodStatFiles, wire.StatParams{Paths: []string{"README.md", "../secret.txt"}}); got.Success {
		t.Error("a path outside was taken among others")
	}
	want := "Access denied: Path '../secret.txt' is outside the working directory"
	if got := call[anyResult](p, wire.MethodReadFile, wire.PathParams{Path: "../secret.txt"}); got.Error != want {
		t.Errorf("got %q, want %q", got.Error, want)
	}
}

func TestWhatIsNoFileIsNotRead(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.write("large", "")
	if err := os.Truncate(filepath.Join(p.dir, "large"), maxFile+1); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"nope.txt": "No such file or directory: nope.txt", "src": "src is a directory",
		"large": "large is too large to show (33 MB, at most 32 MB)",
	} {
		if got := call[anyResult](p, wire.MethodReadFile, wire.PathParams{Path: path}); got.Success || got.Error != want {
			t.Errorf("%s: got %+v, want %q", path, got, want)
		}
	}
}

func TestDirectoriesAreListedDirectoriesFirst(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.write(".hidden/h.txt", "")
	p.write("bin.dat", "1234")
	p.link("README.md", "link")
	got := call[anyResult](p, wire.MethodListDirectory, wire.PathParams{})
	var names []string
	for _, e := range got.Entries {
		names = append(names, e.Name+" "+e.Type)
	}
	want := []string{".hidden directory", "src directory", "bin.dat file", "link other", "README.md file"}
	if !slices.Equal(names, want) || got.Entries[3].Size != nil || *got.Entries[2].Size != 4 {
		t.Errorf("got %v, want %v", names, want)
	}
}

func TestAHugeDirectoryIsCutAndSaysSo(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	for i := range maxEntries + 5 {
		p.write(fmt.Sprintf("many/%05d", i), "")
	}
	got := call[wire.Directory](p, wire.MethodListDirectory, wire.PathParams{Path: "many"})
	if len(got.Entries) != maxEntries || !got.Truncated {
		t.Errorf("got %d entries, truncated %v", len(got.Entries), got.Truncated)
	}
}

func TestGitShowsWhatChanged(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.git("init")
	p.git("add", ".")
	p.git("commit", "-m", "first")
	p.write("src/app.txt", "one\nTWO\nthree\n")
	p.write("staged.txt", "staged\n")
	p.git("add", "staged.txt")
	p.write("odd *.txt", "x")
	status := call[wire.CommandResult](p, wire.MethodGitStatus, wire.GitParams{CWD: p.dir})
	for _, want := range []string{"# branch.head main", "src/app.txt", "1 A. N...", "? odd *.txt"} {
		if !strings.Contains(status.Stdout, want) {
			t.Errorf("status lacks %q:\n%s", want, status.Stdout)
		}
	}
	if got := call[wire.CommandResult](p, wire.MethodGitDiffNumstat, wire.GitParams{CWD: p.dir}); got.Stdout != "2\t1\tsrc/app.txt\n" || !got.Success {
		t.Errorf("numstat: %+v", got)
	}
	if got := call[wire.CommandResult](p, wire.MethodGitDiffNumstat, wire.GitParams{Staged: true}); got.Stdout != "1\t0\tstaged.txt\n" {
		t.Errorf("staged numstat: %+v", got)
	}
	if got := call[wire.CommandResult](p, wire.MethodGitDiffFile, wire.GitParams{CWD: p.dir, FilePath: "src/app.txt"}); !strings.Contains(got.Stdout, "-two\n+TWO\n+three\n") {
		t.Errorf("diff: %+v", got)
	}
	if got := call[wire.CommandResult](p, wire.MethodGitDiffFile, wire.GitParams{FilePath: "*"}); got.Stdout != "" || !got.Success {
		t.Errorf("a pattern was taken for a file: %+v", got)
	}
	for _, path := range []string{"../outside.txt", "/etc/passwd"} {
		if got := call[wire.CommandResult](p, wire.MethodGitDiffFile, wire.GitParams{CWD: p.dir, FilePath: path}); got.Success || !strings.Contains(got.Error, "outside the working directory") {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

func TestGitRunsNoProgramOfTheRepository(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.git("init")
	p.write(".gitattributes", "*.txt diff=evil\n")
	p.git("add", ".")
	p.git("commit", "-m", "first")
	p.write("src/app.txt", "changed\n")
	evil := filepath.Join(t.TempDir(), "ran")
	for _, key := range []string{"diff.external", "diff.evil.command", "diff.evil.textconv", "core.fsmonitor", "core.pager"} {
		p.git("config", key, "touch "+evil+"; false")
	}
	for _, name := range []string{wire.MethodGitStatus, wire.MethodGitDiffNumstat, wire.MethodGitDiffFile} {
		if got := call[wire.CommandResult](p, name, wire.GitParams{FilePath: "src/app.txt"}); !got.Success {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, err := os.Stat(evil); err == nil {
		t.Error("a program that the repository names was run")
	}
}

func TestGitOutsideOfARepositoryIsASentence(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	got := call[wire.CommandResult](p, wire.MethodGitStatus, wire.GitParams{CWD: p.dir})
	if got.Success || got.ExitCode != 128 || !strings.Contains(got.Error, "not a git repository") {
		t.Errorf("got %+v", got)
	}
}

func TestALargeDiffIsCutAtALineAndSaysSo(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.git("init")
	p.write("big.txt", strings.Repeat("0123456789\n", maxOutput/10))
	p.git("add", "-N", "big.txt")
	got := call[wire.CommandResult](p, wire.MethodGitDiffFile, wire.GitParams{FilePath: "big.txt"})
	if !got.Success || !got.Truncated || len(got.Stdout) > maxOutput || !strings.HasSuffix(got.Stdout, "+0123456789\n") {
		t.Errorf("got success %v, truncated %v, %d bytes, error %q", got.Success, got.Truncated, len(got.Stdout), got.Error)
	}
}

// Git and the search do not go where a link leads, whoever of them lists files.
func TestLinksInARepositoryShowNothingOfWhatIsOutside(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.write("../outer/secret.txt", "the secret\n")
	p.git("init")
	p.git("add", ".")
	p.git("commit", "-m", "first")
	p.link("../outer", "up")
	p.link("../outer/secret.txt", "link.txt")
	for name, params := range map[string]any{
		wire.MethodGitStatus:      wire.GitParams{},
		wire.MethodGitDiffNumstat: wire.GitParams{},
		wire.MethodGitDiffFile:    wire.GitParams{FilePath: "up/secret.txt"},
		wire.MethodRipgrep:        wire.RipgrepParams{Args: []string{"--files"}},
	} {
		if got := call[anyResult](p, name, params); strings.Contains(got.Stdout+got.Stderr+got.Error, "the secret") || strings.Contains(got.Stdout, "up/secret.txt") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := call[anyResult](p, wire.MethodRipgrep, wire.RipgrepParams{Args: []string{"--files", "--iglob", "*secret*"}}); got.Stdout != "" {
		t.Errorf("the search found %q", got.Stdout)
	}
	// A link that takes a file's place is shown as what it is: where it points.
	p.git("add", ".")
	p.git("commit", "-m", "links")
	if err := os.Remove(filepath.Join(p.dir, "src/app.txt")); err != nil {
		t.Fatal(err)
	}
	p.link("../../outer/secret.txt", "src/app.txt")
	for _, path := range []string{"src/app.txt", "link.txt", filepath.Join(p.dir, "up/secret.txt")} {
		if got := call[anyResult](p, wire.MethodGitDiffFile, wire.GitParams{FilePath: path}); strings.Contains(got.Stdout+got.Stderr+got.Error, "the secret") {
			t.Errorf("%s: %+v", path, got)
		}
	}
}
