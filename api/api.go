// Package api holds the HTTP contract of the hub. Tests run every request and
// every answer through it, so that it stays true.
package api

import _ "embed"

// Spec is the contract as OpenAPI.
//
//go:embed openapi.yaml
var Spec []byte
