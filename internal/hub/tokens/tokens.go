// Package tokens keeps the access tokens that the hub's owner gives to machines,
// scripts and people, each with a name, so that each can be taken back.
package tokens

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"hapi/internal/hub/auth"
	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// Prefix is how named tokens begin, so that people and scanners for leaked
// secrets know one when they see it.
const Prefix = "hapi_"

// most is how many tokens there may be.
const most = 1000

// Refusals.
var (
	ErrName      = &wire.Error{Kind: wire.Invalid, Code: "invalid_name", Text: "A name has letters, digits, dots, dashes and underscores, begins with a letter or digit, and is at most 64 long"}
	ErrNamespace = &wire.Error{Kind: wire.Invalid, Code: "invalid_namespace", Text: "A namespace has no colon and no blanks at its ends, and is not empty"}
	ErrExpiry    = &wire.Error{Kind: wire.Invalid, Code: "invalid_expiry", Text: "A token expires in the future"}
	ErrExists    = &wire.Error{Kind: wire.Conflict, Code: "token_exists", Text: "There is a token of this name; revoke it first"}
	ErrTooMany   = &wire.Error{Kind: wire.Conflict, Code: "too_many_tokens", Text: "There are 1000 tokens; revoke some first"}
	ErrNotFound  = &wire.Error{Kind: wire.NotFound, Code: "token_not_found", Text: "There is no token of this name"}
)

// Options of a Service.
type Options struct{ Now func() time.Time }

// Service keeps the tokens; those that are valid are in memory.
type Service struct {
	store *store.Store
	now   func() time.Time

	changing sync.Mutex // one change at a time: names are given once

	mu     sync.RWMutex
	byName map[string]*token
	bySum  map[[sha256.Size]byte]*token
	byID   map[string]*token
}

type token struct {
	wire.AccessToken
	sum [sha256.Size]byte
	key auth.Key
	end context.CancelFunc // of key.Alive
}

// New makes a Service without tokens; Load reads them.
func New(st *store.Store, o Options) *Service {
	s := &Service{
		store: st, now: o.Now,
		byName: map[string]*token{}, bySum: map[[sha256.Size]byte]*token{}, byID: map[string]*token{},
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// Load reads the tokens. Nobody is let in by one before.
func (s *Service) Load(ctx context.Context) error {
	rows, err := s.store.Tokens(ctx, s.store.Reader())
	if err != nil {
		return err
	}
	for i := range rows {
		if len(rows[i].Sum) != sha256.Size {
			return fmt.Errorf("the access token %q in the database has no sum: restore a backup", rows[i].Name)
		}
		s.add(rows[i].AccessToken, [sha256.Size]byte(rows[i].Sum))
	}
	return nil
}

// Close ends what waits for tokens to end.
func (s *Service) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.byID {
		t.end()
	}
}

func (s *Service) add(w wire.AccessToken, sum [sha256.Size]byte) {
	t := &token{AccessToken: w, sum: sum, key: auth.Key{ID: w.ID, NS: w.Namespace, ReadOnly: w.ReadOnly}}
	if w.ExpiresAt == nil {
		t.key.Alive, t.end = context.WithCancel(context.Background()) //nolint:fatcontext // the token's life, not a request's
	} else {
		t.key.Expires = time.UnixMilli(int64(*w.ExpiresAt))
		t.key.Alive, t.end = context.WithDeadline(context.Background(), t.key.Expires) //nolint:fatcontext // likewise
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byName[w.Name], s.bySum[sum], s.byID[w.ID] = t, t, t
}

// BySum finds a valid token by its SHA-256.
func (s *Service) BySum(sum [sha256.Size]byte) (*auth.Key, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.valid(s.bySum[sum])
}

// ByID finds a valid token by its id.
func (s *Service) ByID(id string) (*auth.Key, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.valid(s.byID[id])
}

func (s *Service) valid(t *token) (*auth.Key, bool) {
	if t == nil || !t.key.Expires.IsZero() && !s.now().Before(t.key.Expires) {
		return nil, false
	}
	return &t.key, true
}

// Wanted is a token to be made.
type Wanted struct {
	Name      string
	Namespace wire.Namespace
	ReadOnly  bool
	Expires   time.Duration // from now; 0: never
}

var names = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (w *Wanted) check() error {
	ns := string(w.Namespace)
	switch {
	case !names.MatchString(w.Name):
		return ErrName
	case ns == "" || strings.Contains(ns, ":") || strings.TrimSpace(ns) != ns:
		return ErrNamespace
	case w.Expires < 0:
		return ErrExpiry
	}
	return nil
}

// Create makes a token. Its secret is in the answer and nowhere else.
func (s *Service) Create(ctx context.Context, w Wanted) (wire.NewAccessToken, error) {
	if err := w.check(); err != nil {
		return wire.NewAccessToken{}, err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.room(w.Name); err != nil {
		return wire.NewAccessToken{}, err
	}
	secret := newSecret()
	sum := sha256.Sum256([]byte(secret))
	made := wire.AccessToken{
		ID: uuid.NewString(), Name: w.Name, Namespace: w.Namespace, ReadOnly: w.ReadOnly, CreatedAt: wire.At(s.now()),
	}
	if w.Expires > 0 {
		at := wire.At(s.now().Add(w.Expires))
		made.ExpiresAt = &at
	}
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		return tx.PutToken(ctx, &store.Token{AccessToken: made, Sum: sum[:]})
	})
	if err != nil {
		return wire.NewAccessToken{}, err
	}
	s.add(made, sum)
	return wire.NewAccessToken{AccessToken: made, Secret: secret}, nil
}

func (s *Service) room(name string) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.byName[name] != nil:
		return ErrExists
	case len(s.byName) >= most:
		return ErrTooMany
	}
	return nil
}

func newSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return Prefix + base64.RawURLEncoding.EncodeToString(b)
}

// List gives the tokens by name, those that have expired too.
func (s *Service) List() []wire.AccessToken {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]wire.AccessToken, 0, len(s.byName))
	for _, t := range s.byName {
		list = append(list, t.AccessToken)
	}
	slices.SortFunc(list, func(a, b wire.AccessToken) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Revoke ends a token for good, at once: nobody is let in by it any more, and
// what was let in by it ends.
func (s *Service) Revoke(ctx context.Context, name string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	s.mu.RLock()
	t := s.byName[name]
	s.mu.RUnlock()
	if t == nil {
		return ErrNotFound
	}
	err := s.store.Write(ctx, func(tx *store.Tx) error { return tx.DeleteToken(ctx, t.ID) })
	if err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.byName, t.Name)
	delete(s.bySum, t.sum)
	delete(s.byID, t.ID)
	s.mu.Unlock()
	t.end()
	return nil
}
