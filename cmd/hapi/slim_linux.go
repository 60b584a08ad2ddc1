package main

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// forgetImage drops the pages of our executable that cannot have changed. What
// is needed again comes back from the system's cache.
func forgetImage() {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range bytes.Lines(maps) {
		// 00400000-00f8c000 r-xp 00000000 fe:00 10471153    /usr/bin/hapi
		fields := bytes.Fields(line)
		if len(fields) != 6 || string(fields[5]) != exe || fields[1][1] != '-' { // no name with spaces, nothing writable
			continue
		}
		from, to, _ := bytes.Cut(fields[0], []byte("-"))
		begin, err := strconv.ParseUint(string(from), 16, 64)
		end, endErr := strconv.ParseUint(string(to), 16, 64)
		if err != nil || endErr != nil || begin >= end {
			continue
		}
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(begin), uintptr(end-begin), syscall.MADV_DONTNEED) // it was worth a try
	}
}
