package store

import (
	"context"
	"fmt"
	"strings"

	"hapi/internal/wire"
)

// PushSubscriptions lists the browsers of a namespace that want to be told.
func (s *Store) PushSubscriptions(ctx context.Context, q Querier, ns wire.Namespace) ([]wire.PushSubscription, error) {
	rows, err := q.Query(ctx, `SELECT endpoint, p256dh, auth, muted FROM push_subscriptions WHERE namespace = $1 ORDER BY created_at, endpoint`, ns)
	list, err := collect(rows, err, func(p *wire.PushSubscription) []any {
		return []any{&p.Endpoint, &p.Keys.P256dh, &p.Keys.Auth, (*words)(&p.Muted)}
	})
	if err != nil {
		return nil, fmt.Errorf("list push subscriptions: %w", err)
	}
	return list, nil
}

// Browsers lists the same as people know them, the newest first.
func (s *Store) Browsers(ctx context.Context, q Querier, ns wire.Namespace) ([]wire.Browser, error) {
	rows, err := q.Query(ctx, `SELECT endpoint, label, device_id, muted, created_at FROM push_subscriptions WHERE namespace = $1 ORDER BY created_at DESC, endpoint`, ns)
	list, err := collect(rows, err, func(b *wire.Browser) []any {
		return []any{&b.Endpoint, &b.Label, &b.DeviceID, (*words)(&b.Muted), &b.CreatedAt}
	})
	if err != nil {
		return nil, fmt.Errorf("list browsers: %w", err)
	}
	return list, nil
}

// words are written with commas between them.
type words []string

// Scan reads words.
func (w *words) Scan(v any) error {
	text, ok := v.(string)
	if !ok {
		return fmt.Errorf("words are text, not %T", v)
	}
	*w = nil
	if text != "" {
		*w = strings.Split(text, ",")
	}
	return nil
}

// PutPushSubscription writes a subscription, new or known by its endpoint. It
// takes the place of others of the same device, and of the same one in another
// namespace: a browser that signs in elsewhere is told of one of them.
func (tx *Tx) PutPushSubscription(ctx context.Context, ns wire.Namespace, p *wire.PushSubscription, at wire.Millis) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM push_subscriptions
		WHERE (endpoint = $1 AND namespace <> $2) OR (namespace = $2 AND endpoint <> $1 AND device_id = $3 AND device_id <> '')`,
		p.Endpoint, ns, p.DeviceID)
	if err == nil {
		_, err = tx.Exec(ctx, `
			INSERT INTO push_subscriptions (namespace, endpoint, p256dh, auth, device_id, label, muted, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (namespace, endpoint) DO UPDATE SET
				p256dh = excluded.p256dh, auth = excluded.auth, device_id = excluded.device_id, label = excluded.label, muted = excluded.muted`,
			ns, p.Endpoint, p.Keys.P256dh, p.Keys.Auth, p.DeviceID, p.Label, strings.Join(p.Muted, ","), at)
	}
	if err != nil {
		return fmt.Errorf("write a push subscription: %w", err)
	}
	return nil
}

// DeletePushSubscription removes a subscription; none is no failure.
func (tx *Tx) DeletePushSubscription(ctx context.Context, ns wire.Namespace, endpoint string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM push_subscriptions WHERE namespace = $1 AND endpoint = $2`, ns, endpoint); err != nil {
		return fmt.Errorf("delete a push subscription: %w", err)
	}
	return nil
}

// DropPushSubscription removes a subscription as far as it still has the same keys.
func (tx *Tx) DropPushSubscription(ctx context.Context, ns wire.Namespace, p *wire.PushSubscription) error {
	_, err := tx.Exec(ctx, `DELETE FROM push_subscriptions WHERE namespace = $1 AND endpoint = $2 AND p256dh = $3 AND auth = $4`,
		ns, p.Endpoint, p.Keys.P256dh, p.Keys.Auth)
	if err != nil {
		return fmt.Errorf("delete a push subscription: %w", err)
	}
	return nil
}

// Devices lists the native apps of a namespace that want to be told.
func (s *Store) Devices(ctx context.Context, q Querier, ns wire.Namespace) ([]wire.Device, error) {
	rows, err := q.Query(ctx, `SELECT token, platform, device_id, push_key FROM devices WHERE namespace = $1 ORDER BY device_id, platform`, ns)
	list, err := collect(rows, err, func(d *wire.Device) []any { return []any{&d.Token, &d.Platform, &d.DeviceID, &d.PushKey} })
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	return list, nil
}

// PutDevice writes a device, new or known. Its token stands for no other one
// from then on, in no namespace: a phone that was paired anew is told once.
func (tx *Tx) PutDevice(ctx context.Context, ns wire.Namespace, d *wire.Device, at wire.Millis) error {
	_, err := tx.Exec(ctx, `DELETE FROM devices WHERE token = $1`, d.Token)
	if err == nil {
		_, err = tx.Exec(ctx, `
			INSERT INTO devices (namespace, device_id, platform, token, push_key, updated_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (namespace, device_id, platform) DO UPDATE SET token = excluded.token, push_key = excluded.push_key, updated_at = excluded.updated_at`,
			ns, d.DeviceID, d.Platform, d.Token, d.PushKey, at)
	}
	if err != nil {
		return fmt.Errorf("write a device: %w", err)
	}
	return nil
}

// DeleteDevice removes a device by its token; none is no failure.
func (tx *Tx) DeleteDevice(ctx context.Context, ns wire.Namespace, token string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM devices WHERE namespace = $1 AND token = $2`, ns, token); err != nil {
		return fmt.Errorf("delete a device: %w", err)
	}
	return nil
}
