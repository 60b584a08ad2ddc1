// Package push knows who wants to be told what happens while nobody looks:
// browsers by their push service, and native apps. Package notify does the
// telling.
package push

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"hapi/internal/hub/store"
	"hapi/internal/hub/webpush"
	"hapi/internal/wire"
)

// Options of a Service.
type Options struct {
	PublicKey string // by which browsers subscribe
	// AllowPrivate lets endpoints be on private addresses.
	AllowPrivate bool
	Now          func() time.Time
}

// Service keeps who wants to be told.
type Service struct {
	store        *store.Store
	publicKey    string
	allowPrivate bool
	now          func() time.Time
}

// New makes a Service.
func New(st *store.Store, o Options) *Service {
	s := &Service{store: st, publicKey: o.PublicKey, allowPrivate: o.AllowPrivate, now: o.Now}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// PublicKey is the key that browsers subscribe with.
func (s *Service) PublicKey() string { return s.publicKey }

// Browsers lists those of a namespace, the newest last.
func (s *Service) Browsers(ctx context.Context, ns wire.Namespace) ([]wire.PushSubscription, error) {
	return s.store.PushSubscriptions(ctx, s.store.Reader(), ns)
}

// List lists the same as people know them, the newest first.
func (s *Service) List(ctx context.Context, ns wire.Namespace) ([]wire.Browser, error) {
	list, err := s.store.Browsers(ctx, s.store.Reader(), ns)
	for i := range list {
		sum := sha256.Sum256([]byte(list[i].Endpoint))
		list[i].ID = hex.EncodeToString(sum[:16])
	}
	return list, err
}

// Remove removes a browser of List; none is no failure. It subscribes again when
// its person opens hapi there.
func (s *Service) Remove(ctx context.Context, ns wire.Namespace, id string) error {
	list, err := s.List(ctx, ns)
	if err != nil {
		return err
	}
	for _, b := range list {
		if b.ID == id {
			return s.Unsubscribe(ctx, ns, b.Endpoint)
		}
	}
	return nil
}

// Drop removes a browser whose push service does not know it any more, unless it
// has subscribed anew meanwhile.
func (s *Service) Drop(ctx context.Context, ns wire.Namespace, p wire.PushSubscription) error {
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.DropPushSubscription(ctx, ns, &p) })
}

// Subscribe adds a browser, or renews it. Browsers say so at every start. It
// refuses an endpoint that the hub would not send to.
func (s *Service) Subscribe(ctx context.Context, ns wire.Namespace, p wire.PushSubscription) error {
	if webpush.CheckEndpoint(p.Endpoint, s.allowPrivate) != nil {
		return wire.ErrInvalidBody
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		return tx.PutPushSubscription(ctx, ns, &p, wire.At(s.now()))
	})
}

// Unsubscribe removes a browser.
func (s *Service) Unsubscribe(ctx context.Context, ns wire.Namespace, endpoint string) error {
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.DeletePushSubscription(ctx, ns, endpoint) })
}

// Register adds a native app, or renews it.
func (s *Service) Register(ctx context.Context, ns wire.Namespace, d wire.Device) error {
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.PutDevice(ctx, ns, &d, wire.At(s.now())) })
}

// Unregister removes a native app.
func (s *Service) Unregister(ctx context.Context, ns wire.Namespace, token string) error {
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.DeleteDevice(ctx, ns, token) })
}
