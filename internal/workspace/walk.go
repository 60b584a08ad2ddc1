package workspace

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// byWalk finds the files by itself.
func byWalk(ctx context.Context, dir string, found *lines) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("search %s: %w", dir, err)
	}
	defer root.Close() //nolint:errcheck // it was read
	w := &walk{ctx: ctx, files: root.FS(), found: found, git: insideGit(dir)}
	var rules ruleset
	if w.git {
		rules = rules.with(w.files, ".", ".git/info/exclude")
	}
	_, err = w.dir(".", rules)
	return err
}

// insideGit says whether .gitignore files count: ripgrep minds them only inside
// of a repository.
func insideGit(dir string) bool {
	for {
		if _, err := os.Stat(path.Join(dir, ".git")); err == nil {
			return true
		}
		up := path.Dir(dir)
		if up == dir {
			return false
		}
		dir = up
	}
}

// walk is one search of our own.
type walk struct {
	ctx   context.Context
	files fs.FS
	found *lines
	git   bool
}

// dir visits a directory and says whether more is wanted. What cannot be read
// is left out.
func (w *walk) dir(dir string, rules ruleset) (more bool, err error) {
	if err := w.ctx.Err(); err != nil {
		return false, context.Cause(w.ctx)
	}
	entries, err := fs.ReadDir(w.files, dir)
	if err != nil {
		return true, nil //nolint:nilerr // as ripgrep does
	}
	names := []string{".ignore", ".rgignore"}
	if w.git {
		names = append([]string{".gitignore"}, names...)
	}
	for _, name := range names {
		rules = rules.with(w.files, dir, path.Join(dir, name))
	}
	for _, entry := range entries {
		name := path.Join(dir, entry.Name())
		if strings.HasPrefix(entry.Name(), ".") || rules.ignore(name, entry.IsDir()) {
			continue
		}
		switch {
		case entry.IsDir():
			if more, err := w.dir(name, rules); !more || err != nil {
				return false, err
			}
		case entry.Type().IsRegular():
			if !w.found.add(name) {
				return false, nil
			}
		}
	}
	return true, nil
}

// wanted says whether the globs let a path through: the last one that matches
// decides; with none, a glob that names files leaves out the others.
func (s *searching) wanted(name string) bool {
	want := true
	for _, glob := range s.globs {
		if _, pattern, _ := strings.Cut(glob, "="); !strings.HasPrefix(pattern, "!") {
			want = false
		}
	}
	for _, glob := range s.globs {
		option, pattern, _ := strings.Cut(glob, "=")
		subject := name
		if option == "--iglob" {
			subject = strings.ToLower(name)
		}
		pattern, except := strings.CutPrefix(pattern, "!")
		if newRule(pattern, ".").matches(subject, false) {
			want = !except
		}
	}
	return want
}

// rule is one line of an ignore file.
type rule struct {
	pattern string // for doublestar, relative to dir
	dir     string // where the file is
	except  bool   // takes back what an earlier rule ignores
	dirOnly bool
}

// newRule reads a pattern as git does: with a slash in it, it is anchored at
// its directory, else it matches at any depth.
func newRule(pattern, dir string) rule {
	r := rule{dir: dir}
	pattern, r.except = strings.CutPrefix(pattern, "!")
	pattern, r.dirOnly = strings.CutSuffix(pattern, "/")
	if strings.Contains(pattern, "/") {
		r.pattern = strings.TrimPrefix(pattern, "/")
	} else {
		r.pattern = "**/" + pattern
	}
	return r
}

func (r rule) matches(name string, isDir bool) bool {
	if r.dirOnly && !isDir {
		return false
	}
	if r.dir != "." {
		below, ok := strings.CutPrefix(name, r.dir+"/")
		if !ok {
			return false
		}
		name = below
	}
	ok, err := doublestar.Match(r.pattern, name)
	return ok && err == nil
}

// ruleset are the rules that hold in a directory, the strongest last.
type ruleset []rule

// with adds the rules of an ignore file, if there is one.
func (s ruleset) with(files fs.FS, dir, file string) ruleset {
	info, err := fs.Stat(files, file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
		return s
	}
	raw, err := fs.ReadFile(files, file)
	if err != nil {
		return s
	}
	out := s[:len(s):len(s)]
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimRight(line, "\r\n")
		if !strings.HasSuffix(line, `\ `) {
			line = strings.TrimRight(line, " ")
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		out = append(out, newRule(line, dir))
	}
	return out
}

func (s ruleset) ignore(name string, isDir bool) bool {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i].matches(name, isDir) {
			return !s[i].except
		}
	}
	return false
}
