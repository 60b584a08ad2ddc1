package child

import "testing"

func BenchmarkSweepOrphans(b *testing.B) {
	for b.Loop() {
		SweepOrphans()
	}
}
