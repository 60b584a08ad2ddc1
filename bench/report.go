package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// row is one measured line. A figure that does not apply or is not known is zero.
type row struct {
	Work      string  `json:"work"`
	Count     int64   `json:"count,omitempty"`
	CPUMicros float64 `json:"cpuMicrosPerOp,omitempty"`
	PerSecond float64 `json:"perSecond,omitempty"`
	P50       float64 `json:"p50Ms,omitempty"`
	P95       float64 `json:"p95Ms,omitempty"`
	P99       float64 `json:"p99Ms,omitempty"`
	Bytes     int64   `json:"bytes,omitempty"`
	PeakBytes int64   `json:"peakBytes,omitempty"`
}

func (r row) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %-44s", r.Work)
	cell := func(format string, v float64) {
		if v == 0 {
			fmt.Fprintf(&b, " | %9s", "")
			return
		}
		fmt.Fprintf(&b, " | %9s", fmt.Sprintf(format, v))
	}
	cell("%.1f µs", r.CPUMicros)
	cell("%.0f/s", r.PerSecond)
	cell("%.2f ms", r.P50)
	cell("%.2f ms", r.P95)
	cell("%.2f ms", r.P99)
	cell("%.1f KB", float64(r.Bytes)/1024)
	cell("%.1f MB", float64(r.PeakBytes)/(1<<20))
	return b.String() + " |"
}

// tableHead names the columns of row.String.
const tableHead = `| work                                         | hub CPU   | rate      | p50       | p95       | p99       | memory    | peak      |
|---|---|---|---|---|---|---|---|`

// latencies collects how long single operations took.
type latencies struct {
	mu  sync.Mutex
	all []time.Duration
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	l.all = append(l.all, d)
	l.mu.Unlock()
}

func (l *latencies) reset() {
	l.mu.Lock()
	l.all = l.all[:0]
	l.mu.Unlock()
}

func (l *latencies) into(r *row) {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.all)
	at := func(q float64) float64 {
		if len(l.all) == 0 {
			return 0
		}
		return float64(l.all[int(q*float64(len(l.all)-1))].Microseconds()) / 1000
	}
	r.P50, r.P95, r.P99 = at(.5), at(.95), at(.99)
}

// cost fills in what a load of n operations cost the hub.
func (r *row) cost(n int64, cpu, took time.Duration) {
	if n == 0 {
		return
	}
	r.Count = n
	r.CPUMicros = float64(cpu.Microseconds()) / float64(n)
	r.PerSecond = float64(n) / took.Seconds()
}
