package store

import (
	"context"

	"hapi/internal/wire"
)

// Tx is a job's part of the writer's transaction. It must not be kept.
type Tx struct {
	Querier
	Context context.Context // for the Querier's calls; it does not end

	store  *Store
	last   int64 // the last change number taken in this transaction
	change int64 // the one this job took
	events []wire.Event
}

// Change is the number this job stamps on the rows it touches. It is taken at
// the first call; a job that touches nothing takes none.
func (tx *Tx) Change() int64 {
	if tx.change == 0 {
		tx.last++
		tx.change = tx.last
	}
	return tx.change
}

// Announce adds events that are published, in this order, once the job is committed.
func (tx *Tx) Announce(e ...wire.Event) { tx.events = append(tx.events, e...) }

func (tx *Tx) begin() { tx.change, tx.events = 0, nil }

func (tx *Tx) report() report {
	return report{change: tx.change, last: tx.last, events: tx.events}
}
