package api

import (
	"context"
	"net/http"
	"time"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/tokens"
	"hapi/internal/wire"
)

// Tokens are the named access tokens.
type Tokens interface {
	Create(ctx context.Context, w tokens.Wanted) (wire.NewAccessToken, error)
	List() []wire.AccessToken
	Revoke(ctx context.Context, name string) error
}

func (a *API) tokenRoutes(mux *http.ServeMux) {
	a.handle(mux, "GET /api/tokens", a.listTokens)
	a.handle(mux, "POST /api/tokens", a.createToken)
	a.handle(mux, "DELETE /api/tokens/{name}", a.revokeToken)
}

// tokenOwner lets the owner in who holds the hub's own token: a named token
// cannot make others that outlive it.
func (a *API) tokenOwner(r *http.Request) error {
	const text = "Access tokens are only available to the holder of the hub's own token"
	if err := ownerOnly(r, text); err != nil {
		return err
	}
	if callerOf(r).Key != nil {
		return &wire.Error{Kind: wire.Forbidden, Text: text}
	}
	return a.connected()
}

// listTokens serves GET /api/tokens.
func (a *API) listTokens(w http.ResponseWriter, r *http.Request) error {
	if err := a.tokenOwner(r); err != nil {
		return err
	}
	noStore(w)
	a.write(w, r, http.StatusOK, map[string][]wire.AccessToken{"tokens": a.tokens.List()})
	return nil
}

// maxTokenDays is the longest life of a token that has an end.
const maxTokenDays = 36500

// createToken serves POST /api/tokens.
func (a *API) createToken(w http.ResponseWriter, r *http.Request) error {
	if err := a.tokenOwner(r); err != nil {
		return err
	}
	in, err := readObject(r)
	if err != nil {
		return err
	}
	want := tokens.Wanted{Name: in.requiredText("name"), Namespace: wire.OwnerNamespace}
	if ns := in.text("namespace"); ns != nil {
		want.Namespace = wire.Namespace(*ns)
	}
	if days := in.integer("expiresInDays"); days != nil {
		if *days < 1 || *days > maxTokenDays {
			in.issue("expiresInDays", "expiresInDays must be from 1 to 36500")
		}
		want.Expires = time.Duration(*days) * day
	}
	want.ReadOnly = in.isSet("readOnly")
	if in.err() != nil {
		return in.err()
	}
	made, err := a.tokens.Create(r.Context(), want)
	if err != nil {
		return err
	}
	noStore(w)
	a.write(w, r, http.StatusOK, made)
	return nil
}

// revokeToken serves DELETE /api/tokens/{name}.
func (a *API) revokeToken(w http.ResponseWriter, r *http.Request) error {
	if err := a.tokenOwner(r); err != nil {
		return err
	}
	if err := a.tokens.Revoke(r.Context(), r.PathValue("name")); err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, answer.OK)
	return nil
}
