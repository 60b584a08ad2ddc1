package runner

import (
	"context"
	"math"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"

	"hapi/internal/wire"
)

// measure is the machine's load; what cannot be measured is left out. The share
// of the processor is that since the last call.
func measure(ctx context.Context) *wire.Health {
	h := &wire.Health{CollectedAt: wire.Now()}
	if n, err := cpu.CountsWithContext(ctx, true); err == nil && n > 0 {
		h.CPUCount = &n
	}
	if avg, err := load.AvgWithContext(ctx); err == nil {
		h.Load1m = &avg.Load1
	}
	if share, err := cpu.PercentWithContext(ctx, 0, false); err == nil && len(share) > 0 {
		h.CPUPercent = percent(share[0])
	}
	if m, err := mem.VirtualMemoryWithContext(ctx); err == nil && m.Total > 0 {
		h.MemoryPercent = percent(100 * (1 - float64(m.Available)/float64(m.Total)))
	}
	if up, err := host.UptimeWithContext(ctx); err == nil {
		seconds := float64(up)
		h.UptimeSeconds = &seconds
	}
	return h
}

func percent(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	v = math.Round(min(max(v, 0), 100))
	return &v
}
