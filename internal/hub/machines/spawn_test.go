package machines

import (
	"errors"
	"testing"

	"hapi/internal/wire"
)

func TestSpawnResultsOfAllRunnersAreUnderstood(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		raw     string
		session wire.SessionID
		failure string
	}{
		"success":           {`{"type":"success","sessionId":"s1"}`, "s1", ""},
		"error":             {`{"type":"error","errorMessage":"outside"}`, "", "outside"},
		"missing directory": {`{"type":"requestToApproveDirectoryCreation","directory":"/d"}`, "", "Directory creation requires approval: /d"},
		"error of old":      {`{"success":false,"error":"no"}`, "", "no"},
		"message of old":    {`{"message":"no"}`, "", "no"},
		"success of none":   {`{"type":"success"}`, "", `Unexpected spawn result: {"type":"success"}`},
		"null":              {`null`, "", "Unexpected spawn result: null"},
		"text":              {`"hm"`, "", `Unexpected spawn result: "hm"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			session, err := readSpawnResult([]byte(tt.raw))
			var failure *SpawnFailure
			if session != tt.session || (tt.failure != "") != errors.As(err, &failure) || failure != nil && failure.Text != tt.failure {
				t.Errorf("got %q, %v", session, err)
			}
		})
	}
}
