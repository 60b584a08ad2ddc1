package workspace

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"hapi/internal/wire"
)

// searchWithin is how long a search may take; hubs wait 30 s.
const searchWithin = 20 * time.Second

// searching is a search for files: what a hub asks of ripgrep.
type searching struct {
	globs []string // as --iglob and --glob say them
	keep  func(path string) bool
	limit int // 0: none
}

// ripgrep lists files as `rg --files` does: neither hidden nor ignored ones,
// links not followed. Without ripgrep on this machine our own walk gives the
// same files. Nothing else of ripgrep is offered. The globs are ours in both
// cases: given to ripgrep they would bring ignored files back.
func (w *Workspace) ripgrep(ctx context.Context, in wire.RipgrepParams) (wire.CommandResult, error) {
	s, err := parseSearch(in)
	if err != nil {
		return wire.CommandResult{}, err
	}
	dir, err := w.directory(in.CWD)
	if err != nil {
		return wire.CommandResult{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, searchWithin)
	defer cancel()
	found := &lines{s: s}
	if path, lookErr := exec.LookPath("rg"); lookErr == nil {
		err = byRipgrep(ctx, path, dir, found)
	} else {
		err = byWalk(ctx, dir, found)
	}
	out := wire.CommandResult{Success: true, Stdout: found.b.String(), Truncated: found.cut}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		out.Truncated = true // what was found in time
	case err != nil:
		return out, err
	}
	if found.n == 0 {
		out.ExitCode = 1 // as ripgrep says that there is nothing
	}
	return out, nil
}

// parseSearch takes the arguments that hubs send.
func parseSearch(in wire.RipgrepParams) (*searching, error) {
	s := &searching{keep: func(string) bool { return true }}
	files := false
	for i := 0; i < len(in.Args); i++ {
		name, value, inOne := strings.Cut(in.Args[i], "=")
		switch name {
		case "--files":
			files = true
		case "--iglob", "--glob", "-g":
			if !inOne {
				if i++; i == len(in.Args) {
					return nil, fmt.Errorf("%s needs a pattern", name)
				}
				value = in.Args[i]
			}
			if name == "--iglob" {
				value = strings.ToLower(value)
			}
			if !doublestar.ValidatePattern(strings.TrimPrefix(value, "!")) {
				return nil, fmt.Errorf("%q is not a pattern", value)
			}
			s.globs = append(s.globs, name+"="+value)
		default:
			return nil, fmt.Errorf("%s is not offered here: only --files with --glob and --iglob", in.Args[i])
		}
	}
	if !files {
		return nil, errors.New("only --files is offered here")
	}
	if f := in.FileSearch; f != nil {
		s.limit, s.keep = f.Limit, matcher(f.Query)
	}
	return s, nil
}

// matcher says whether a path matches a query: it has the query in it, or, with
// * or ? in the query, matches it whole. Case does not matter.
func matcher(query string) func(path string) bool {
	query = strings.ToLower(query)
	if !strings.ContainsAny(query, "*?") {
		return func(path string) bool { return strings.Contains(strings.ToLower(path), query) }
	}
	return func(path string) bool { return wildcard(query, strings.ToLower(path)) }
}

// wildcard matches * with any text, across directories, and ? with any character.
func wildcard(pattern, text string) bool {
	p, t := []rune(pattern), []rune(text)
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// lines collects what was found.
type lines struct {
	s   *searching
	b   strings.Builder
	n   int
	cut bool
}

// add takes a path and says whether more are wanted.
func (l *lines) add(path string) bool {
	if runtime.GOOS == "windows" {
		path = filepath.ToSlash(path)
	}
	if !l.s.keep(path) || !l.s.wanted(path) {
		return true
	}
	if l.s.limit > 0 && l.n == l.s.limit {
		return false
	}
	if l.b.Len()+len(path) >= maxOutput {
		l.cut = true
		return false
	}
	l.b.WriteString(path)
	l.b.WriteByte('\n')
	l.n++
	return l.s.limit == 0 || l.n < l.s.limit
}
