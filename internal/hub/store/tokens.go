package store

import (
	"context"
	"fmt"

	"hapi/internal/wire"
)

// Token is a named access token. Sum is the SHA-256 of its secret.
type Token struct {
	wire.AccessToken
	Sum []byte
}

// Tokens lists the named access tokens, by name.
func (s *Store) Tokens(ctx context.Context, q Querier) ([]Token, error) {
	rows, err := q.Query(ctx, `SELECT id, name, sum, namespace, read_only, created_at, expires_at FROM tokens ORDER BY name`)
	list, err := collect(rows, err, func(t *Token) []any {
		return []any{&t.ID, &t.Name, &t.Sum, &t.Namespace, &t.ReadOnly, &t.CreatedAt, &t.ExpiresAt}
	})
	if err != nil {
		return nil, fmt.Errorf("list access tokens: %w", err)
	}
	return list, nil
}

// PutToken writes a new token.
func (tx *Tx) PutToken(ctx context.Context, t *Token) error {
	_, err := tx.Exec(ctx, `INSERT INTO tokens (id, name, sum, namespace, read_only, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		t.ID, t.Name, t.Sum, t.Namespace, t.ReadOnly, t.CreatedAt, t.ExpiresAt)
	if err != nil {
		return fmt.Errorf("write an access token: %w", err)
	}
	return nil
}

// DeleteToken removes a token; none is no failure.
func (tx *Tx) DeleteToken(ctx context.Context, id string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM tokens WHERE id = $1`, id); err != nil {
		return fmt.Errorf("delete an access token: %w", err)
	}
	return nil
}
