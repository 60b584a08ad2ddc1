package usage

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
	_ "time/tzdata" // not every machine has the zones

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// Query says which usage to sum up.
type Query struct {
	Since time.Duration // how far back; 0 is everything
	Zone  *time.Location
}

// ErrZone refuses a zone that is not known.
var ErrZone = &wire.Error{Kind: wire.Invalid, Text: "Invalid timeZone"}

// longestZone is more than any zone's name has.
const longestZone = 100

// ParseQuery reads a range of 7d, 30d or all, 7d if it is none of them, and the
// IANA name of a zone, UTC without one.
func ParseQuery(span, zone string) (Query, error) {
	q := Query{Since: 7 * 24 * time.Hour}
	switch span {
	case "30d":
		q.Since = 30 * 24 * time.Hour
	case "all":
		q.Since = 0
	}
	if len(zone) > longestZone || zone == "Local" { // the latter is the hub's own
		return q, ErrZone
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return q, ErrZone
	}
	q.Zone = location
	return q, nil
}

// Summary sums up what the namespace's agents used.
func (s *Service) Summary(ctx context.Context, ns wire.Namespace, q Query) (wire.UsageSummary, error) {
	if err := s.catchUp(ctx); err != nil {
		return wire.UsageSummary{}, err
	}
	now := wire.At(s.now())
	out := wire.UsageSummary{Range: wire.UsageRange{To: now}, UpdatedAt: now}
	var since wire.Millis
	if q.Since > 0 {
		since = now - wire.Millis(q.Since.Milliseconds())
		out.Range.From = &since
	}
	sums, err := s.store.SumUsage(ctx, ns, since)
	if err != nil {
		return out, fmt.Errorf("sum usage: %w", err)
	}
	if out.Totals.Sessions, err = s.store.SessionsWithUsage(ctx, ns, since); err != nil {
		return out, fmt.Errorf("count sessions with usage: %w", err)
	}
	days, agents, models := buckets{}, buckets{}, buckets{}
	for i := range sums {
		u := &sums[i]
		if u.Model == "" {
			u.Model = "unknown"
		}
		addTo(&out.Totals.UsageCounts, u)
		days.add(u.At.Time().In(q.Zone).Format(time.DateOnly), u)
		agents.add(u.Agent, u)
		models.add(u.Model, u)
	}
	byKey := func(a, b wire.UsageBucket) int { return cmp.Compare(a.Key, b.Key) }
	bySize := func(a, b wire.UsageBucket) int { return cmp.Or(cmp.Compare(b.TotalTokens, a.TotalTokens), byKey(a, b)) }
	out.Daily, out.ByAgent, out.ByModel = days.sorted(byKey), agents.sorted(bySize), models.sorted(bySize)
	return out, nil
}

type buckets map[string]*wire.UsageBucket

func (b buckets) add(key string, u *store.UsageSum) {
	bucket := b[key]
	if bucket == nil {
		bucket = &wire.UsageBucket{Key: key}
		b[key] = bucket
	}
	addTo(&bucket.UsageCounts, u)
}

func (b buckets) sorted(order func(a, b wire.UsageBucket) int) []wire.UsageBucket {
	list := make([]wire.UsageBucket, 0, len(b))
	for _, bucket := range slices.Collect(maps.Values(b)) {
		list = append(list, *bucket)
	}
	slices.SortFunc(list, order)
	return list
}

func addTo(c *wire.UsageCounts, u *store.UsageSum) {
	c.InputTokens += u.Input
	c.OutputTokens += u.Output
	c.CacheReadTokens += u.CacheRead
	c.CacheCreationTokens += u.CacheWrite
	c.TotalTokens += u.Input + u.Output
	c.UncachedTokens += u.Uncached
	c.Requests += u.Requests
}
