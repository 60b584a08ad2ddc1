package workspace

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// maxDefinition is how much is read of a file that defines a command or a skill.
const maxDefinition = 128 << 10

// definition is what a Markdown file with front matter says.
type definition struct {
	name, description, body string
}

// readDefinition reads a regular file. Front matter that is no YAML is part of
// the body.
func readDefinition(path string) (definition, error) {
	info, err := os.Stat(path)
	if err != nil {
		return definition{}, err
	}
	if !info.Mode().IsRegular() {
		return definition{}, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return definition{}, err
	}
	defer f.Close() //nolint:errcheck // it was read
	raw, err := io.ReadAll(io.LimitReader(f, maxDefinition))
	if err != nil {
		return definition{}, err
	}
	text := strings.ToValidUTF8(string(raw), string(utf8.RuneError))
	return parseDefinition(strings.ReplaceAll(text, "\r\n", "\n")), nil
}

func parseDefinition(text string) definition {
	whole := definition{body: strings.TrimSpace(text)}
	rest, ok := strings.CutPrefix(text, "---\n")
	if !ok {
		return whole
	}
	head, body, ok := strings.Cut(rest, "\n---\n")
	if !ok {
		if head, ok = strings.CutSuffix(rest, "\n---"); !ok {
			return whole
		}
	}
	var front map[string]any
	if yaml.Unmarshal([]byte(head), &front) != nil {
		return whole
	}
	d := definition{body: strings.TrimSpace(body)}
	d.name, _ = front["name"].(string)
	d.description, _ = front["description"].(string)
	return d
}

func readJSON(path string, v any) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, v)
}

func beforeLast(s, sep string) string {
	if i := strings.LastIndex(s, sep); i > 0 {
		return s[:i]
	}
	return s
}
