// Package apitest holds real traffic against the published HTTP contract: a
// request or an answer that api/openapi.yaml does not describe fails the test.
package apitest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"hapi/api"
)

// Contract is an http.RoundTripper that checks what passes through it.
type Contract struct {
	t      testing.TB
	next   http.RoundTripper
	router routers.Router
}

var loadSpec = sync.OnceValues(func() (routers.Router, error) {
	spec, err := openapi3.NewLoader().LoadFromData(api.Spec)
	if err != nil {
		return nil, err
	}
	if err := spec.Validate(context.Background()); err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(spec)
})

// New checks the traffic of next, or of http.DefaultTransport.
func New(t testing.TB, next http.RoundTripper) *Contract {
	t.Helper()
	router, err := loadSpec()
	if err != nil {
		t.Fatalf("api/openapi.yaml: %v", err)
	}
	if next == nil {
		next = http.DefaultTransport
	}
	return &Contract{t: t, next: next, router: router}
}

// Client is an http.Client whose traffic is checked.
func Client(t testing.TB) *http.Client {
	return &http.Client{Transport: New(t, nil)}
}

// RoundTrip sends r and checks it and its answer.
func (c *Contract) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := takeBody(&r.Body)
	if err != nil {
		return nil, err
	}
	res, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if err := c.check(r, body, res); err != nil {
		c.t.Errorf("%s %s -> %d is not in the contract: %v", r.Method, r.URL.Path, res.StatusCode, err)
	}
	return res, nil
}

// takeBody reads a body and puts a copy in its place.
func takeBody(body *io.ReadCloser) ([]byte, error) {
	if *body == nil || *body == http.NoBody {
		return nil, nil
	}
	content, err := io.ReadAll(*body)
	if err != nil {
		return nil, err
	}
	(*body).Close()
	*body = io.NopCloser(bytes.NewReader(content))
	return content, nil
}

func (c *Contract) check(r *http.Request, body []byte, res *http.Response) error {
	if r.Method == http.MethodOptions || !ofHub(r.URL.Path) {
		return nil
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	asked := r.Clone(context.Background())
	asked.Method = method
	route, params, err := c.router.FindRoute(asked)
	if err != nil {
		return unknownRoute(err, res)
	}
	input := &openapi3filter.RequestValidationInput{
		Request: asked, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
			IncludeResponseStatus: true,
			MultiError:            true,
		},
	}
	if res.StatusCode < http.StatusBadRequest { // what the hub refuses need not be in the contract
		if err := checkRequest(input, body); err != nil {
			return err
		}
	}
	return checkAnswer(input, r, res)
}

func ofHub(path string) bool {
	for _, prefix := range []string{"/health", "/api", "/cli"} {
		if path == prefix || strings.HasPrefix(path, prefix+"/") {
			return true
		}
	}
	return false
}

// unknownRoute accepts only the refusals that hold for every path.
func unknownRoute(err error, res *http.Response) error {
	if res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusUnauthorized {
		return nil
	}
	return err
}

// checkRequest reads bodies as JSON whatever their type says, as the hub does.
func checkRequest(input *openapi3filter.RequestValidationInput, body []byte) error {
	input.Request.Body, input.Request.ContentLength = http.NoBody, int64(len(body))
	input.Request.Header.Del("Content-Type")
	if len(bytes.TrimSpace(body)) > 0 {
		input.Request.Body = io.NopCloser(bytes.NewReader(body))
		input.Request.Header.Set("Content-Type", "application/json")
	}
	return openapi3filter.ValidateRequest(context.Background(), input)
}

func checkAnswer(input *openapi3filter.RequestValidationInput, r *http.Request, res *http.Response) error {
	answer := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: res.StatusCode, Header: res.Header, Options: input.Options,
	}
	stream := strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream")
	if stream || r.Method == http.MethodHead {
		without := *input.Options
		without.ExcludeResponseBody = true
		answer.Options = &without
		return openapi3filter.ValidateResponse(context.Background(), answer)
	}
	body, err := takeBody(&res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode == http.StatusRequestEntityTooLarge && len(body) == 0 {
		return nil // refused before any route
	}
	if encoding := res.Header.Get("Content-Encoding"); encoding != "" {
		return errors.New("the answer is still encoded as " + encoding + "; let the transport decode it")
	}
	answer.SetBodyBytes(body)
	return openapi3filter.ValidateResponse(context.Background(), answer)
}
