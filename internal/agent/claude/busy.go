package claude

import "time"

// busy is what Claude has to do, or will have in a moment.
type busy struct {
	began     time.Time // Claude's start; what its transcript says of before is past
	turn      bool      // between a prompt and its end
	delegated bool      // what it started goes on without it
	queued    int       // prompts that were entered in a turn, for when it has ended
	ended     time.Time // the last turn
}

func (b *busy) now() bool { return b.turn || b.delegated || b.queued > 0 }

// queue follows Claude's own queue.
func (b *busy) queue(operation string) {
	switch operation {
	case "enqueue":
		b.queued++
	case "dequeue", "remove":
		b.queued = max(0, b.queued-1)
	default: // its person has taken all back
		b.queued = 0
	}
}

// takenWithin is how long Claude may take to begin with what was entered in a
// turn that has ended. Other hooks of its person may hold it up meanwhile.
const takenWithin = 2 * time.Minute
