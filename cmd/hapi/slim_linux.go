package main

import (
	"bytes"
	"debug/elf"
	"os"
	"slices"
	"strconv"
	"syscall"
)

// forgetImage drops the pages of our executable that nobody can have changed.
// What is needed again comes back from the system's cache.
func forgetImage() {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	constant, err := constantParts("/proc/self/exe")
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
		if len(fields) != 6 || string(fields[5]) != exe { // no name with spaces
			continue
		}
		from, to, _ := bytes.Cut(fields[0], []byte("-"))
		begin, err := strconv.ParseUint(string(from), 16, 64)
		end, endErr := strconv.ParseUint(string(to), 16, 64)
		offset, offsetErr := strconv.ParseUint(string(fields[2]), 16, 64)
		if err == nil && endErr == nil && offsetErr == nil && begin < end && constant.hold(offset, end-begin) {
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(begin), uintptr(end-begin), syscall.MADV_DONTNEED) // it was worth a try
		}
	}
}

// parts are the parts of a file that are mapped for reading only. What is only
// made so later, once its addresses are known, is not among them: its pages are
// not those of the file any more.
type parts []elf.ProgHeader

func constantParts(exe string) (parts, error) {
	f, err := elf.Open(exe)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was read
	var list parts
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_W == 0 {
			list = append(list, p.ProgHeader)
		}
	}
	return list, nil
}

// hold says whether a mapping of the file is one of the parts; mappings are made
// of whole pages.
func (list parts) hold(offset, size uint64) bool {
	page := uint64(os.Getpagesize())
	return slices.ContainsFunc(list, func(p elf.ProgHeader) bool {
		return offset == p.Off&^(page-1) && offset+size <= (p.Off+p.Filesz+page-1)&^(page-1)
	})
}
