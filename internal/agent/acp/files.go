package acp

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	sdk "github.com/coder/acp-go-sdk"
)

// largestFile is how much of a file is read for an agent, or written.
const largestFile = 4 << 20

// files are those of the session's directory; nothing outside is touched for an
// agent, not through a link either.
type files struct {
	root *os.Root
	dirs []string // names of the directory: as given, and without links
}

func openFiles(dir string) (*files, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the session's directory: %w", err)
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("open the session's directory: %w", err)
	}
	f := &files{root: root, dirs: []string{abs}}
	if resolved, err := filepath.EvalSymlinks(abs); err == nil && resolved != abs {
		f.dirs = append(f.dirs, resolved)
	}
	return f, nil
}

func (f *files) close() error { return f.root.Close() }

var errOutside = errors.New("the path is outside of the session's directory")

// inside is path relative to the directory.
func (f *files) inside(path string) (string, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(f.dirs[0], path)
	}
	for _, dir := range f.dirs {
		rel, err := filepath.Rel(dir, filepath.Clean(path))
		if err == nil && filepath.IsLocal(rel) {
			return rel, nil
		}
	}
	return "", errOutside
}

// read serves fs/read_text_file. line counts from 1.
func (f *files) read(params json.RawMessage) (any, *sdk.RequestError) {
	var in struct {
		Path  string `json:"path"`
		Line  int    `json:"line"`
		Limit *int   `json:"limit"`
	}
	if err := json.Unmarshal(params, &in); err != nil {
		return nil, invalidParams(err)
	}
	rel, err := f.inside(in.Path)
	if err != nil {
		return nil, refusal(err)
	}
	file, err := f.root.Open(rel)
	if err != nil {
		return nil, fileError(err)
	}
	defer func() { _ = file.Close() }() // it was only read
	text, err := readLines(file, in.Line, in.Limit)
	if err != nil {
		return nil, fileError(err)
	}
	return sdk.ReadTextFileResponse{Content: text}, nil
}

var errTooLarge = fmt.Errorf("the file is larger than %d MiB", largestFile>>20)

func readLines(r io.Reader, first int, limit *int) (string, error) {
	limited := &io.LimitedReader{R: r, N: largestFile + 1}
	if first <= 1 && limit == nil {
		raw, err := io.ReadAll(limited)
		if err == nil && len(raw) > largestFile {
			err = errTooLarge
		}
		return string(raw), err
	}
	var b strings.Builder
	lines := bufio.NewReader(r)
	for n := 1; limit == nil || n < max(first, 1)+*limit; n++ {
		line, err := lines.ReadString('\n')
		if n >= first {
			b.WriteString(line)
		}
		if b.Len() > largestFile {
			return "", errTooLarge
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// write serves fs/write_text_file; directories on the way are made.
func (f *files) write(params json.RawMessage) (any, *sdk.RequestError) {
	var in struct {
		Path    string  `json:"path"`
		Content *string `json:"content"`
	}
	if err := json.Unmarshal(params, &in); err != nil {
		return nil, invalidParams(err)
	}
	if in.Content == nil {
		return nil, invalidParams(errors.New("content is missing"))
	}
	rel, err := f.inside(in.Path)
	if err != nil {
		return nil, refusal(err)
	}
	if len(*in.Content) > largestFile {
		return nil, refusal(errTooLarge)
	}
	if dir := filepath.Dir(rel); dir != "." {
		if err := f.root.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the person's project, under their umask
			return nil, fileError(err)
		}
	}
	if err := f.root.WriteFile(rel, []byte(*in.Content), 0o644); err != nil { //nolint:gosec // likewise
		return nil, fileError(err)
	}
	return sdk.WriteTextFileResponse{}, nil
}

// The codes of JSON-RPC and ACP.
const (
	codeNoMethod  = -32601
	codeParams    = -32602
	codeInternal  = -32603
	codeAuth      = -32000
	codeNoFile    = -32002
	codeCancelled = -32800
)

func invalidParams(err error) *sdk.RequestError {
	return &sdk.RequestError{Code: codeParams, Message: "Invalid params: " + err.Error()}
}

func refusal(err error) *sdk.RequestError {
	return &sdk.RequestError{Code: codeInternal, Message: err.Error()}
}

func fileError(err error) *sdk.RequestError {
	if errors.Is(err, fs.ErrNotExist) {
		return &sdk.RequestError{Code: codeNoFile, Message: "Resource not found: " + err.Error()}
	}
	return refusal(err)
}
