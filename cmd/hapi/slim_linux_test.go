package main

import (
	"debug/elf"
	"fmt"
	"os"
	"strings"
	"testing"
)

// ofFiles is how much of our memory is pages of files, in KB.
func ofFiles(t *testing.T) (kb int) {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "RssFile:"); ok {
			if _, err := fmt.Sscan(rest, &kb); err != nil {
				t.Fatal(err)
			}
		}
	}
	return kb
}

func TestWhatOnlyTheStartNeededIsGivenBack(t *testing.T) {
	before := ofFiles(t)
	forgetImage()
	if after := ofFiles(t); before == 0 || after > before/2 {
		t.Errorf("%d KB of files before, %d KB after", before, after)
	}
	if got := mergeNoProxy("a,b"); got != "a,b,localhost,127.0.0.1,::1" { // what is needed comes back
		t.Errorf("got %q", got)
	}
}

func TestOnlyWhatIsMappedForReadingIsGivenBack(t *testing.T) {
	t.Parallel()
	page := uint64(os.Getpagesize())
	text := parts{{Off: 0, Filesz: 3*page + 1, Flags: elf.PF_R | elf.PF_X}}
	for what, of := range map[string]struct {
		offset, size uint64
		want         bool
	}{
		"the text":                             {0, 4 * page, true},
		"data that is read-only since later":   {4 * page, page, false},
		"such data in the text's last page":    {3 * page, page, false},
		"a mapping that goes on into the data": {0, 5 * page, false},
	} {
		if got := text.hold(of.offset, of.size); got != of.want {
			t.Errorf("%s: got %v", what, got)
		}
	}
}
