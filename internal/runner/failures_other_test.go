//go:build !linux

package runner

// spawnOnFullDisk is for Linux, where a test may have a disk of its own.
func spawnOnFullDisk(string) int { return 1 }
