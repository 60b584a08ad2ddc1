package acp

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestALongSilenceIsToldAndALongerOneOnceMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var heard time.Time
		var asks bool
		var told []time.Duration
		began := time.Now()
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			watch(ctx, 5*time.Minute,
				func() time.Time { mu.Lock(); defer mu.Unlock(); return heard },
				func() bool { mu.Lock(); defer mu.Unlock(); return asks },
				func(d time.Duration) { mu.Lock(); defer mu.Unlock(); told = append(told, time.Since(began), d) })
		}()
		set := func(change func()) { mu.Lock(); defer mu.Unlock(); change() }
		time.Sleep(4 * time.Minute)
		set(func() { heard = time.Now() }) // 5 minutes later it has been silent for long
		time.Sleep(16 * time.Minute)       // and at twice that
		set(func() { heard, asks = time.Now(), true })
		time.Sleep(30 * time.Minute) // a person is asked all the while
		set(func() { asks = false })
		time.Sleep(6 * time.Minute)
		stop()
		<-done
		want := []time.Duration{9 * time.Minute, 5 * time.Minute, 14 * time.Minute, 10 * time.Minute}
		if len(told) < 4 || !slices.Equal(told[:4], want) || len(told) != 6 || told[5] != 5*time.Minute {
			t.Errorf("told %v, want %v and one more after the person was asked", told, want)
		}
	})
}
