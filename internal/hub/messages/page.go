package messages

import (
	"context"
	"fmt"
	"math"
	"slices"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// Page reads one page of a session's messages.
func (s *Service) Page(ctx context.Context, ns wire.Namespace, id wire.SessionID, q PageQuery) (*wire.Page, error) {
	if err := s.sessions.Access(ns, id); err != nil {
		return nil, err
	}
	r := &reader{Service: s, ctx: ctx, id: id, q: q}
	page, err := r.read()
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	return page, nil
}

// reader reads one page.
type reader struct {
	*Service
	ctx  context.Context
	id   wire.SessionID
	q    PageQuery
	page wire.Page
}

func (r *reader) read() (*wire.Page, error) {
	head, any, epoch, err := r.store.Head(r.ctx, r.store.Reader(), r.id)
	if err != nil {
		return nil, err
	}
	r.page = wire.Page{Messages: []wire.Message{}, Page: wire.PageInfo{Limit: r.q.Limit, Epoch: epoch}}
	if any {
		r.page.Page.SnapshotHeadSeq, r.page.Page.SnapshotHeadAt = &head.Seq, &head.At
	}
	ascending := true
	switch {
	case r.q.After != nil && r.q.Epoch != nil && *r.q.Epoch != epoch:
		r.page.Page.Reset = true
		err = r.latestByPosition()
	case r.q.After != nil:
		err = r.after(head, any)
	case r.q.BeforeAt != nil:
		err = r.before(wire.Position{At: *r.q.BeforeAt, Seq: *r.q.BeforeSeq})
	default:
		ascending = false
		err = r.bySeq()
	}
	if err != nil {
		return nil, err
	}
	if r.q.Order == "asc" && !ascending || r.q.Order == "desc" && ascending {
		slices.Reverse(r.page.Messages)
	}
	r.page.HasMore = r.page.Page.HasMore
	return &r.page, nil
}

// bySeq is the published page's paging: newest first by seq, at most limit rows.
func (r *reader) bySeq() error {
	info := &r.page.Page
	info.Direction = wire.Latest
	before := int64(maxSeq)
	if r.q.BeforeSeq != nil {
		info.Direction, before = wire.Before, *r.q.BeforeSeq
	}
	// Waiting prompts are read first: one that is taken meanwhile is then on the
	// page as well, and never on neither.
	pinned, err := r.pinned(r.q.BeforeSeq == nil && r.q.Pinned)
	if err != nil {
		return err
	}
	rows, more, err := r.visible(func(last *store.Message, n int) ([]store.Message, error) {
		if last != nil {
			before = last.Seq
		}
		return r.store.MessagesBySeq(r.ctx, r.store.Reader(), r.id, before, n)
	})
	if err != nil {
		return err
	}
	info.HasMore = more
	r.show(rows)
	r.pin(rows, pinned)
	return r.successorCursor(rows)
}

// successorCursor sets the cursor for clients that go on by position: just
// above everything, by position, that was not delivered. They may see a row
// twice but never miss one.
func (r *reader) successorCursor(rows []store.Message) error {
	if len(rows) == 0 {
		return nil
	}
	next := wire.Position{Seq: rows[len(rows)-1].Seq}
	high, ok, err := r.store.HighBefore(r.ctx, r.store.Reader(), r.id, next.Seq)
	if err != nil {
		return err
	}
	if ok {
		next.At = high
	} else {
		next = oldest(rows)
	}
	r.page.Page.NextBeforeSeq, r.page.Page.NextBeforeAt = &next.Seq, &next.At
	return nil
}

func oldest(rows []store.Message) wire.Position {
	first := slices.MinFunc(rows, byPosition)
	return first.Position()
}

func byPosition(a, b store.Message) int { return a.Position().Compare(b.Position()) }

// before pages by position towards the past, ascending within the page.
func (r *reader) before(cursor wire.Position) error {
	info := &r.page.Page
	info.Direction = wire.Before
	rows, more, err := r.visible(r.olderThan(cursor))
	if err != nil {
		return err
	}
	slices.Reverse(rows)
	info.HasMore = more
	r.setNextBefore(rows)
	r.show(rows)
	return nil
}

// latestByPosition is the newest page by position with all prompts that wait,
// for a client whose cursor is no longer good.
func (r *reader) latestByPosition() error {
	info := &r.page.Page
	info.Direction = wire.Latest
	pinned, err := r.pinned(true)
	if err != nil {
		return err
	}
	rows, more, err := r.visible(r.olderThan(wire.Position{At: math.MaxInt64, Seq: math.MaxInt64}))
	if err != nil {
		return err
	}
	info.HasMore = more
	slices.Reverse(rows)
	r.setNextBefore(rows)
	for _, m := range pinned {
		if !contains(rows, m.ID) {
			rows = append(rows, m)
		}
	}
	slices.SortStableFunc(rows, byPosition)
	r.show(rows)
	return nil
}

func (r *reader) olderThan(cursor wire.Position) func(*store.Message, int) ([]store.Message, error) {
	return func(last *store.Message, n int) ([]store.Message, error) {
		if last != nil {
			cursor = last.Position()
		}
		return r.store.MessagesBefore(r.ctx, r.store.Reader(), r.id, cursor, n)
	}
}

func (r *reader) setNextBefore(rows []store.Message) {
	if len(rows) > 0 {
		p := oldest(rows)
		r.page.Page.NextBeforeSeq, r.page.Page.NextBeforeAt = &p.Seq, &p.At
	}
}

// after pages by position towards the head, or to where the client said.
func (r *reader) after(head wire.Position, any bool) error {
	info := &r.page.Page
	info.Direction = wire.After
	until := head
	if r.q.Until != nil && (!any || r.q.Until.Compare(head) < 0) {
		until, any = *r.q.Until, true
	}
	next := *r.q.After
	if any && until.Compare(next) > 0 {
		rows, err := r.store.MessagesBetween(r.ctx, r.store.Reader(), r.id, next, until, r.q.Limit)
		if err != nil {
			return err
		}
		next = until
		if len(rows) > 0 {
			next = rows[len(rows)-1].Position()
			info.HasMore = next.Compare(until) < 0
		}
		r.show(slices.DeleteFunc(rows, func(m store.Message) bool { return hidden(m.Content) }))
	}
	info.NextAfterSeq, info.NextAfterAt = &next.Seq, &next.At
	return nil
}

// visible reads rows through next until it has a full page of rows that are
// shown, and says whether more of them follow.
func (r *reader) visible(next func(last *store.Message, n int) ([]store.Message, error)) (rows []store.Message, more bool, err error) {
	want := r.q.Limit + 1
	var last *store.Message
	for {
		n := want - len(rows)
		batch, err := next(last, n)
		if err != nil {
			return nil, false, err
		}
		end := len(batch) < n
		if len(batch) > 0 {
			l := batch[len(batch)-1]
			last = &l
		}
		rows = append(rows, slices.DeleteFunc(batch, func(m store.Message) bool { return hidden(m.Content) })...)
		if len(rows) == want {
			return rows[:r.q.Limit], true, nil
		}
		if end {
			return rows, false, nil
		}
	}
}

func (r *reader) pinned(wanted bool) ([]store.Message, error) {
	if !wanted {
		return nil, nil
	}
	return r.store.PendingMessages(r.ctx, r.store.Reader(), r.id)
}

// pin adds the prompts that wait and are not on the page. Their seq is null,
// so that nobody takes it for the page's lowest.
func (r *reader) pin(rows, pinned []store.Message) {
	for i := range pinned {
		if contains(rows, pinned[i].ID) {
			continue
		}
		w := pinned[i].Wire()
		w.Seq = nil
		r.page.Messages = append(r.page.Messages, w)
	}
}

func (r *reader) show(rows []store.Message) {
	r.page.Messages = slices.Grow(r.page.Messages, len(rows))
	for i := range rows {
		r.page.Messages = append(r.page.Messages, rows[i].Wire())
	}
}

func contains(rows []store.Message, id wire.MessageID) bool {
	return slices.ContainsFunc(rows, func(m store.Message) bool { return m.ID == id })
}
