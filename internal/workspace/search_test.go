package workspace

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"hapi/internal/wire"
)

func searchProject(t *testing.T) *project {
	t.Helper()
	p := newProject(t)
	p.git("init")
	p.write(".gitignore", "# what is made\nbuild/\n*.log\n!keep.log\n/only-here.txt\ndoc/**/draft.md\n")
	p.write(".git/info/exclude", "excluded.txt\n")
	p.write("build/out.txt", "")
	p.write("a.log", "")
	p.write("keep.log", "")
	p.write("only-here.txt", "")
	p.write("src/only-here.txt", "")
	p.write("src/.gitignore", "local.txt\n")
	p.write("src/local.txt", "")
	p.write("src/deep/local.txt", "")
	p.write("local.txt", "")
	p.write("excluded.txt", "")
	p.write("doc/a/b/draft.md", "")
	p.write("doc/final.md", "")
	p.write(".hidden/h.txt", "")
	p.write(".ignore", "ignored-by-ignore.txt\n")
	p.write("ignored-by-ignore.txt", "")
	p.write("untracked file.txt", "")
	p.write("[weird].txt", "")
	p.link("README.md", "link.md")
	p.link("..", "up")
	return p
}

var searchable = []string{
	"README.md", "[weird].txt", "doc/final.md", "keep.log", "local.txt", "src/app.txt", "src/only-here.txt", "untracked file.txt",
}

func TestSearchFindsWhatIsNotIgnored(t *testing.T) {
	t.Parallel()
	p := searchProject(t)
	for _, c := range []struct {
		query string
		globs []string
		want  []string
		code  int
	}{
		{"", nil, searchable, 0},
		{"APP", []string{"--iglob", "*APP*"}, []string{"src/app.txt"}, 0},
		{"ignored", []string{"--iglob", "*ignored*"}, nil, 1},
		{"*.MD", nil, []string{"README.md", "doc/final.md"}, 0},
		{"src*.txt", nil, []string{"src/app.txt", "src/only-here.txt"}, 0},
		{"?ocal.txt", nil, []string{"local.txt"}, 0},
		{"[weird", []string{"--iglob", `*\[weird*`}, []string{"[weird].txt"}, 0},
		{"", []string{"--glob=!*.md", "--glob=!src"}, []string{"[weird].txt", "keep.log", "local.txt", "src/app.txt", "src/only-here.txt", "untracked file.txt"}, 0},
		{"zzz", []string{"--iglob", "*zzz*"}, nil, 1},
	} {
		got := call[wire.CommandResult](p, wire.MethodRipgrep, wire.RipgrepParams{
			Args: append([]string{"--files"}, c.globs...), CWD: p.dir, FileSearch: &wire.FileSearch{Query: c.query, Limit: 200},
		})
		found := strings.FieldsFunc(got.Stdout, func(r rune) bool { return r == '\n' })
		slices.Sort(found)
		if !got.Success || !slices.Equal(found, c.want) || got.ExitCode != c.code {
			t.Errorf("%q %v: got %q, exit code %d, error %q; want %q", c.query, c.globs, found, got.ExitCode, got.Error, c.want)
		}
	}
}

func TestSearchStopsAtItsLimit(t *testing.T) {
	t.Parallel()
	p := searchProject(t)
	got := call[wire.CommandResult](p, wire.MethodRipgrep, wire.RipgrepParams{Args: []string{"--files"}, FileSearch: &wire.FileSearch{Limit: 2}})
	if strings.Count(got.Stdout, "\n") != 2 || !got.Success || got.ExitCode != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestOurWalkFindsWhatRipgrepFinds(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("rg")
	if err != nil {
		t.Skip("there is no ripgrep to compare with")
	}
	p := searchProject(t)
	ours, theirs := &lines{s: everything()}, &lines{s: everything()}
	if err := byWalk(t.Context(), p.dir, ours); err != nil {
		t.Fatal(err)
	}
	if err := byRipgrep(t.Context(), path, p.dir, theirs); err != nil {
		t.Fatal(err)
	}
	a, b := strings.Split(ours.b.String(), "\n"), strings.Split(theirs.b.String(), "\n")
	slices.Sort(a)
	slices.Sort(b)
	if !slices.Equal(a, b) {
		t.Errorf("ours: %q\nripgrep: %q", a, b)
	}
}

func everything() *searching { return &searching{keep: func(string) bool { return true }} }

func TestOurWalkMindsIgnoreFiles(t *testing.T) {
	t.Parallel()
	p := searchProject(t)
	found := &lines{s: everything()}
	if err := byWalk(t.Context(), p.dir, found); err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(strings.ReplaceAll(found.b.String(), "untracked file", "untracked_file"))
	slices.Sort(got)
	want := slices.Clone(searchable)
	want[len(want)-1] = "untracked_file.txt"
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAWalkEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := searchProject(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := byWalk(ctx, p.dir, &lines{s: everything()}); err == nil {
		t.Error("a cancelled walk gave no error")
	}
}

func TestOnlyTheListOfFilesIsOffered(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	for _, args := range [][]string{
		nil, {"secret"}, {"--files", "--pre", "sh"}, {"--files", "/etc"}, {"--files", "--hidden"}, {"--files", "-L"}, {"--files", "--glob"}, {"--files", "--glob=[a"},
	} {
		if got := call[wire.CommandResult](p, wire.MethodRipgrep, wire.RipgrepParams{Args: args}); got.Success || got.Error == "" {
			t.Errorf("%q: got %+v, want a refusal", args, got)
		}
	}
}

func FuzzWildcardNeverHangs(f *testing.F) {
	f.Add("*a*b?", "xxaxxbx")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if wildcard(pattern, text) && !strings.ContainsAny(pattern, "*?") && string([]rune(pattern)) != string([]rune(text)) {
			t.Errorf("%q matches %q", pattern, text)
		}
	})
}
