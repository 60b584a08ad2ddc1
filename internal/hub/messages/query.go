package messages

import (
	"fmt"
	"math"
	"net/url"
	"strconv"

	"hapi/internal/wire"
)

const (
	defaultLimit = 50
	// MaxLimit is the largest page, and the one that windowing clients ask for:
	// only with it are waiting prompts added to the first page.
	MaxLimit = 200
)

// maxSeq is above every seq.
const maxSeq = math.MaxInt64

// PageQuery says which messages to read (messages contract §3.3). Without a
// cursor it is the newest; with Before alone of seq, the published page's
// paging; with both halves, paging by position.
type PageQuery struct {
	Limit     int
	BeforeSeq *int64
	BeforeAt  *wire.Millis
	After     *wire.Position
	Until     *wire.Position
	Epoch     *int64
	Pinned    bool   // add the prompts that wait
	Order     string // asc, desc or empty for the mode's own
}

// ParsePageQuery reads the query of GET …/messages. A violation is an Invalid
// query error that names the field.
func ParsePageQuery(q url.Values) (PageQuery, error) {
	p := queryReader{values: q}
	out := PageQuery{Limit: defaultLimit, Order: q.Get("order")}
	if limit := p.number("limit", 1, MaxLimit); limit != nil {
		out.Limit = int(*limit)
		out.Pinned = out.Limit == MaxLimit
	}
	out.BeforeSeq = p.number("beforeSeq", 1, math.MaxInt64)
	out.BeforeAt = millis(p.number("beforeAt", 0, math.MaxInt64))
	out.After = p.position("after")
	out.Until = p.position("until")
	out.Epoch = p.number("epoch", 0, math.MaxInt64)
	p.check(out.BeforeAt == nil || out.BeforeSeq != nil, "beforeAt", "beforeAt needs beforeSeq")
	p.check(out.After == nil || out.BeforeSeq == nil, "afterSeq", "after and before exclude each other")
	p.check(out.Until == nil || out.After != nil, "untilSeq", "until needs after")
	p.check(out.Epoch == nil || out.After != nil, "epoch", "epoch needs after")
	p.check(out.Order == "" || out.Order == "asc" || out.Order == "desc", "order", "order must be asc or desc")
	if p.issues != nil {
		return PageQuery{}, wire.ErrInvalidQuery.With(p.issues)
	}
	return out, nil
}

type queryReader struct {
	values url.Values
	issues *wire.Issues
}

func (p *queryReader) check(ok bool, field, message string) {
	if !ok {
		p.issues = p.issues.Field(field, message)
	}
}

func (p *queryReader) number(field string, low, high int64) *int64 {
	if !p.values.Has(field) {
		return nil
	}
	n, err := strconv.ParseInt(p.values.Get(field), 10, 64)
	if err != nil || n < low || n > high {
		p.check(false, field, fmt.Sprintf("%s must be a whole number of at least %d", field, low))
		return nil
	}
	return &n
}

func (p *queryReader) position(name string) *wire.Position {
	seqGiven, atGiven := p.values.Has(name+"Seq"), p.values.Has(name+"At")
	seq, at := p.number(name+"Seq", 1, math.MaxInt64), p.number(name+"At", 0, math.MaxInt64)
	p.check(seqGiven == atGiven, name+"Seq", name+"Seq and "+name+"At go together")
	if seq == nil || at == nil {
		return nil
	}
	return &wire.Position{At: wire.Millis(*at), Seq: *seq}
}

func millis(n *int64) *wire.Millis {
	if n == nil {
		return nil
	}
	m := wire.Millis(*n)
	return &m
}
