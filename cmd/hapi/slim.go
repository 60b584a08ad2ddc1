package main

import (
	"os"
	"runtime/debug"
	"time"
)

const (
	// wrapperGC is how much garbage a wrapper lets gather, in percent of what it
	// needs: it needs little, and there may be many of them on a machine.
	wrapperGC = 50
	// startedAfter is when what only the start needed is given back.
	startedAfter = 2 * time.Second
)

// slim keeps a wrapper small until it is stopped. It is a small program inside a
// large one: beside the heap, most of its memory is code and tables that were
// read once, at its start.
func slim() (stop func()) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(wrapperGC)
	}
	timer := time.AfterFunc(startedAfter, func() {
		debug.FreeOSMemory()
		forgetImage()
	})
	return func() { timer.Stop() }
}
