package main

import (
	"errors"
	"strings"
	"testing"
)

func TestSecretsInTextsOfOthersAreNotLogged(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		t.Setenv("HAPI_LOG_FORMAT", format)
		var out strings.Builder
		log, err := newLogger(&out)
		if err != nil {
			t.Fatal(err)
		}
		named := "hapi_" + strings.Repeat("Ab-_", 11)
		log.Info("GET /api/events?all=true&token=secret1&x=1",
			"err", errors.New(`Get "http://h/?token=secret2": EOF`), "jwt", "eyJhbGciOiJIUzI1NiJ9.eyJ1aWQiOjd9.c2VjcmV0-_3", "named", named, "kept", "a token is missing")
		for _, secret := range []string{"secret1", "secret2", "c2VjcmV0", named} {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%s: %s is in the log: %s", format, secret, &out)
			}
		}
		for _, kept := range []string{"all=true", "x=1", "EOF", "a token is missing"} {
			if !strings.Contains(out.String(), kept) {
				t.Errorf("%s: %s is not in the log: %s", format, kept, &out)
			}
		}
	}
}
