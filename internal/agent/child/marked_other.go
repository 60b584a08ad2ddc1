//go:build !linux && !darwin

package child

import "github.com/google/uuid"

// NewMark is a value of Mark.
func NewMark() string { return uuid.NewString() }

// SweepOrphans kills every process that bears a mark whose owner has gone. That
// needs the same look; on Windows they ended with their owner, see KeepTogether.
func SweepOrphans() {}

// marked needs a look into other processes' environment, which is not to be had
// here.
func marked(string) []Process { return nil }
