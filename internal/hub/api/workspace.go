package api

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"

	"hapi/internal/hub/sessions"
	"hapi/internal/wire"
)

func (a *API) workspaceRoutes(mux *http.ServeMux) {
	a.handle(mux, "GET /api/sessions/{id}/git-status", a.gitStatus)
	a.handle(mux, "GET /api/sessions/{id}/git-diff-numstat", a.gitDiffNumstat)
	a.handle(mux, "GET /api/sessions/{id}/git-diff-file", a.gitDiffFile)
	a.handle(mux, "GET /api/sessions/{id}/file", a.readFile)
	a.handle(mux, "GET /api/sessions/{id}/directory", a.listDirectory)
	a.handle(mux, "GET /api/sessions/{id}/files", a.findFiles)
}

var errFilePath = &wire.Error{Kind: wire.Invalid, Text: "Invalid file path"}

// workspace is the guard of the routes about a session's files: its process may
// be away, which they say in their own form. dir is empty when the request is
// answered or failed.
func (a *API) workspace(w http.ResponseWriter, r *http.Request) (id, dir string, err error) {
	s, err := a.session(r)
	if err != nil {
		return "", "", err
	}
	if dir = sessions.Metadata(&s).Path; dir == "" {
		a.write(w, r, http.StatusOK, callFailed{Error: "Session path not available", Code: "session_path_unavailable"})
	}
	return string(s.ID), dir, nil
}

// gitStatus serves GET /api/sessions/{id}/git-status.
func (a *API) gitStatus(w http.ResponseWriter, r *http.Request) error {
	id, dir, err := a.workspace(w, r)
	if dir == "" {
		return err
	}
	return a.passThrough(w, r, id, wire.MethodGitStatus, wire.GitParams{CWD: dir}, http.StatusOK)
}

// gitDiffNumstat serves GET /api/sessions/{id}/git-diff-numstat.
func (a *API) gitDiffNumstat(w http.ResponseWriter, r *http.Request) error {
	id, dir, err := a.workspace(w, r)
	if dir == "" {
		return err
	}
	params := wire.GitParams{CWD: dir, Staged: r.URL.Query().Get("staged") == "true"}
	return a.passThrough(w, r, id, wire.MethodGitDiffNumstat, params, http.StatusOK)
}

// gitDiffFile serves GET /api/sessions/{id}/git-diff-file.
func (a *API) gitDiffFile(w http.ResponseWriter, r *http.Request) error {
	id, dir, err := a.workspace(w, r)
	if dir == "" {
		return err
	}
	q := r.URL.Query()
	params := wire.GitParams{CWD: dir, FilePath: q.Get("path"), Staged: q.Get("staged") == "true"}
	if params.FilePath == "" {
		return errFilePath
	}
	return a.passThrough(w, r, id, wire.MethodGitDiffFile, params, http.StatusOK)
}

// readFile serves GET /api/sessions/{id}/file.
func (a *API) readFile(w http.ResponseWriter, r *http.Request) error {
	id, dir, err := a.workspace(w, r)
	if dir == "" {
		return err
	}
	name := r.URL.Query().Get("path")
	if name == "" {
		return errFilePath
	}
	return a.passThrough(w, r, id, wire.MethodReadFile, wire.PathParams{Path: name}, http.StatusOK)
}

// listDirectory serves GET /api/sessions/{id}/directory; without a path, the
// session's own directory.
func (a *API) listDirectory(w http.ResponseWriter, r *http.Request) error {
	id, dir, err := a.workspace(w, r)
	if dir == "" {
		return err
	}
	return a.passThrough(w, r, id, wire.MethodListDirectory, wire.PathParams{Path: r.URL.Query().Get("path")}, http.StatusOK)
}

// foundFile is a row of a file search.
type foundFile struct {
	Name     string       `json:"fileName"`
	Parent   string       `json:"filePath"` // empty at the root
	Path     string       `json:"fullPath"` // below the session's directory
	Type     string       `json:"fileType"`
	Size     *int64       `json:"size,omitempty"`
	Modified *wire.Millis `json:"modified,omitempty"`
}

// findFiles serves GET /api/sessions/{id}/files: the session process lists the
// paths, then says what it knows of those that match.
func (a *API) findFiles(w http.ResponseWriter, r *http.Request) error {
	id, dir, err := a.workspace(w, r)
	if dir == "" {
		return err
	}
	search, err := parseFileSearch(r.URL.Query(), dir)
	if err != nil {
		return err
	}
	raw, err := a.ask(r.Context(), id, wire.MethodRipgrep, search.params(dir))
	if err != nil {
		return a.callFailed(w, r, err, http.StatusOK)
	}
	var listed wire.CommandResult
	if json.Unmarshal(raw, &listed) != nil {
		return a.callFailed(w, r, errBadAnswer, http.StatusOK)
	}
	if !listed.Success {
		a.write(w, r, http.StatusOK, callFailed{Error: cmp.Or(listed.Error, "Failed to list files"), Code: "command_failed"})
		return nil
	}
	files := search.found(listed.Stdout)
	a.addStats(r, id, files)
	a.write(w, r, http.StatusOK, struct {
		Success bool        `json:"success"`
		Files   []foundFile `json:"files"`
	}{true, files})
	return nil
}

// addStats adds what the process knows of the files; of those that it cannot
// read, and when it does not answer, nothing.
func (a *API) addStats(r *http.Request, id string, files []foundFile) {
	if len(files) == 0 {
		return
	}
	paths := make([]string, len(files))
	for i := range files {
		paths[i] = files[i].Path
	}
	raw, err := a.ask(r.Context(), id, wire.MethodStatFiles, wire.StatParams{Paths: paths})
	var stats wire.FileStats
	if err != nil || json.Unmarshal(raw, &stats) != nil {
		return
	}
	byPath := make(map[string]*wire.FileStat, len(stats.Entries))
	for i := range stats.Entries {
		byPath[stats.Entries[i].Path] = &stats.Entries[i]
	}
	for i := range files {
		if s := byPath[files[i].Path]; s != nil {
			files[i].Size, files[i].Modified = s.Size, s.Modified
		}
	}
}

// fileSearch looks for files by their path.
type fileSearch struct {
	query   string
	limit   int
	windows bool // paths of the machine are written with backslashes
}

// Bounds of the files route's limit.
const (
	filesDefault = 200
	filesMost    = 500
)

func parseFileSearch(q url.Values, dir string) (fileSearch, error) {
	s := fileSearch{query: strings.TrimSpace(q.Get("query")), limit: filesDefault, windows: windowsPath.MatchString(dir)}
	if s.windows {
		s.query = slashed(s.query)
	}
	if q.Has("limit") {
		n, err := strconv.Atoi(strings.TrimSpace(q.Get("limit")))
		if err != nil || n < 1 || n > filesMost {
			return s, wire.ErrInvalidQuery
		}
		s.limit = n
	}
	return s, nil
}

var windowsPath = regexp.MustCompile(`^([A-Za-z]:[\\/]|\\\\)`)

func slashed(s string) string { return strings.ReplaceAll(s, `\`, "/") }

// wild says whether the query is a pattern for the whole path.
func (s fileSearch) wild() bool { return strings.ContainsAny(s.query, "*?") }

func (s fileSearch) params(dir string) wire.RipgrepParams {
	p := wire.RipgrepParams{Args: []string{"--files"}, CWD: dir, FileSearch: &wire.FileSearch{Query: s.query, Limit: s.limit}}
	if s.query != "" && !s.wild() {
		p.Args = append(p.Args, "--iglob", "*"+globText(s.query)+"*")
	}
	return p
}

var globSpecial = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `{`, `\{`, `}`, `\}`)

// globText is text without a meaning for ripgrep's globs.
func globText(text string) string {
	escaped := globSpecial.Replace(text)
	if strings.HasPrefix(escaped, "!") {
		return `\` + escaped
	}
	return escaped
}

// found are the listed paths that match.
func (s fileSearch) found(listed string) []foundFile {
	matches := s.matcher()
	files := []foundFile{}
	for line := range strings.Lines(listed) {
		name := strings.TrimRight(line, "\r\n")
		if s.windows {
			name = slashed(name)
		}
		if name == "" || !matches(name) {
			continue
		}
		parent := path.Dir(name)
		if parent == "." {
			parent = ""
		}
		files = append(files, foundFile{Name: path.Base(name), Parent: parent, Path: name, Type: wire.EntryFile})
		if len(files) == s.limit {
			break
		}
	}
	return files
}

func (s fileSearch) matcher() func(string) bool {
	query := strings.ToLower(s.query)
	if !s.wild() {
		return func(name string) bool { return strings.Contains(strings.ToLower(name), query) }
	}
	pattern := regexp.QuoteMeta(query)
	pattern = strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(pattern)
	compiled := regexp.MustCompile("(?s)^" + pattern + "$") // quoted, so it compiles
	return func(name string) bool { return compiled.MatchString(strings.ToLower(name)) }
}
