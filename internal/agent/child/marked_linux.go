package child

import (
	"os"
	"strconv"
	"strings"
)

// pidSpace names the space in which our process ids count; a container has its
// own. Empty: it is not known.
func pidSpace() string {
	link, _ := os.Readlink("/proc/self/ns/pid") // like pid:[4026531836]
	return strings.TrimSuffix(strings.TrimPrefix(link, "pid:["), "]")
}

// environOf is the environment that a process was started with, NAME=value each
// ended by a zero; nil: it has gone, or is another user's.
func environOf(pid int) []byte {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return nil
	}
	return raw
}
