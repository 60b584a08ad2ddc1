package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// floors says how high each package stands. A package imports only lower ones,
// so the table is the architecture (see ARCHITECTURE.md).
var floors = map[string]int{
	"api":                    0,
	"internal/wire":          0,
	"internal/socketio":      0,
	"internal/home":          1,
	"internal/workspace":     1,
	"internal/terminals":     1,
	"internal/hub/store":     1,
	"internal/hub/extract":   1,
	"internal/hub/events":    1,
	"internal/hub/auth":      1,
	"internal/hub/rpc":       1,
	"internal/hub/negotiate": 1,
	"internal/hub/metrics":   1,
	"internal/hub/importer":  2,
	"internal/hub/answer":    2,
	"internal/hub/sessions":  2,
	"internal/hub/usage":     2,
	"internal/hub/machines":  2,
	"internal/hub/messages":  3,
	"internal/hub/lifecycle": 3,
	"internal/hubclient":     2,
	"internal/control":       2,
	"internal/agent":         2,
	"internal/agent/child":   2,
	"internal/agent/hook":    2,
	"internal/agent/claude":  3,
	"internal/agent/acp":     3,
	"internal/agent/demo":    3,
	"internal/agent/codex":   3,
	"internal/hub/webui":     3,
	"internal/hub/api":       4,
	"internal/hub/cliplane":  4,
	"internal/hub":           5,
	"internal/runner":        5,
	"internal/session":       5,
	"cmd/hapi":               6,

	"internal/agent/opencode":     4,
	"internal/agent/opencode/api": 2,

	"internal/hub/scratchlist": 2,
	"internal/hub/push":        2,
	"internal/hub/webpush":     1,
	"internal/hub/notify":      3,
	"internal/hub/terminals":   2,
	"internal/hub/tokens":      2,
	"internal/hub/apidocs":     1,

	"internal/media":          1,
	"internal/peers":          2,
	"internal/session/screen": 4,
	"internal/session/mcp":    4,

	// For tests.
	"internal/hub/apitest": 1,

	"internal/hub/webpush/pushtest": 1,
	"internal/nodetest":             0,
	"internal/modeltest":            1,
}

func TestPackagesImportOnlyLowerFloors(t *testing.T) {
	t.Parallel()
	for _, root := range []string{".", "../cmd"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == "node_modules") {
				return errOrSkip(err)
			}
			if entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			checkImports(t, path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func errOrSkip(err error) error {
	if err != nil {
		return err
	}
	return filepath.SkipDir
}

func checkImports(t *testing.T, path string) {
	t.Helper()
	own := strings.TrimPrefix(filepath.ToSlash(filepath.Join("internal", filepath.Dir(path))), "../")
	floor, known := floors[own]
	if !known {
		t.Errorf("%s has no place in the table of floors", own)
		return
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		imported, ours := strings.CutPrefix(name, "hapi/")
		if ours && floors[imported] >= floor {
			t.Errorf("%s (floor %d) imports %s (floor %d)", path, floor, imported, floors[imported])
		}
	}
}
