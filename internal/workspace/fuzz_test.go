package workspace

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzDefinition reads files that define commands and skills.
func FuzzDefinition(f *testing.F) {
	for _, seed := range []string{"", "---\n", "---\nname: a\ndescription: [b]\n---\nbody", "---\n? [a]\n: b\n---", "---\n&a [*a]\n---\n", "---\na: &a {b: *a}\n---\n", "---\n---\n---\n", "---\n!!binary x\n---"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := parseDefinition(text)
		if d.body != strings.TrimSpace(d.body) || len(d.body) > len(text) {
			t.Errorf("%q has the body %q", text, d.body)
		}
	})
}

// FuzzUploadName keeps files under names that peers choose: below their
// directory, and as one that every file system takes.
func FuzzUploadName(f *testing.F) {
	for _, seed := range []string{"a.txt", "", "..", "../../etc/passwd", "/abs", "a\x00b", "C:\\x", strings.Repeat("ä", 300) + ".png", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		safe := clip(safeName(name), 255)
		if strings.Trim(safe, ".") == "" || strings.ContainsAny(safe, "/\\\x00\n") || len(safe) > 255 || !utf8.ValidString(safe) {
			t.Errorf("%q is kept as %q", name, safe)
		}
	})
}
