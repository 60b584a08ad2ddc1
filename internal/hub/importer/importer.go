// Package importer brings the conversations of a HAPI hub's own database into
// ours. The source is never written to. Each session comes whole or not at all,
// in one transaction, so that an import can be cut off and run again: what is
// known is left alone.
package importer

import (
	"context"
	"errors"
	"fmt"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// Counts are rows of one kind.
type Counts struct {
	Found, Added, Known int64
	// Skipped are those that could not be brought over; Report.Skipped says why.
	Skipped int64
}

// Report is what an import did.
type Report struct {
	Source                               string
	Schema                               int
	Sessions, Messages, Machines, Notes  Counts
	Users, Subscriptions, Devices, Files Counts
	// Skipped says what was left out and why, a line each, at most maxSkipped.
	Skipped []string
	// Left are tables whose content this hub has no use for.
	Left []string
}

// maxSkipped bounds the list of what was left out; counts are complete.
const maxSkipped = 100

// Options of an import.
type Options struct {
	// Progress is called after each session. May be nil.
	Progress func(done, all int64)
	// Files is the directory of notes' files here; empty: they are not copied.
	Files string
}

// run is one import.
type run struct {
	from   *reference
	into   *store.Store
	report Report
}

// Run imports the database at path, a file or a HAPI_HOME. st's writer must be
// running, and no hub must work with st.
func Run(ctx context.Context, path string, st *store.Store, o Options) (_ Report, err error) {
	from, err := openReference(ctx, path)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, from.close()) }()
	r := &run{from: from, into: st, report: Report{Source: from.path, Schema: from.schema}}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"machines", r.machines},
		{"sessions", func(ctx context.Context) error { return r.sessions(ctx, o.Progress) }},
		{"users", r.users},
		{"push subscriptions", r.subscriptions},
		{"devices", r.devices},
		{"files of notes", func(context.Context) error { return r.files(o.Files) }},
		{"what is left", r.left},
	} {
		if err := step.do(ctx); err != nil {
			return r.report, fmt.Errorf("import %s: %w", step.what, err)
		}
	}
	return r.report, nil
}

// skip notes something that is left out.
func (r *run) skip(c *Counts, format string, args ...any) {
	c.Skipped++
	if len(r.report.Skipped) < maxSkipped {
		r.report.Skipped = append(r.report.Skipped, fmt.Sprintf(format, args...))
	}
}

// count notes whether a row was new.
func (c *Counts) count(added bool) {
	if added {
		c.Added++
	} else {
		c.Known++
	}
}

// left names the tables that are not brought over.
func (r *run) left(ctx context.Context) error {
	for table, why := range map[string]string{
		"events": "work graph events", "event_links": "work graph links",
	} {
		n, err := r.from.count(ctx, table)
		if err != nil {
			return err
		}
		if n > 0 {
			r.report.Left = append(r.report.Left, fmt.Sprintf("%d %s", n, why))
		}
	}
	return nil
}

// unusable says why a row of another hub cannot be ours.
func unusable(ns string) error {
	if wire.Namespace(ns) == "" {
		return errors.New("it has no namespace")
	}
	return nil
}
