//go:build !linux

package hub_test

import (
	"os"
	"testing"
)

// bindByPermissions skips the test for a user whom permissions do not bind.
func bindByPermissions(t *testing.T) (undo func()) {
	t.Helper()
	if os.Getuid() == 0 {
		t.Skip("file permissions do not bind this user")
	}
	return func() {}
}
