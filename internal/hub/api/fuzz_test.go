package api

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"hapi/internal/wire"
)

// FuzzBodies gives every decoder of bodies what a stranger may send: what it
// does not take, it refuses with an error that a peer may see.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{
		``, ` `, `null`, `[]`, `{}`, `{"text":"a","localId":"l","attachments":[{"id":"i","filename":"f","mimeType":"m","size":1,"path":"p"}],"scheduledAt":null}`,
		`{"text":1,"attachments":{},"scheduledAt":1e400,"deliveryMode":"x"}`, `{"mode":"yolo","decision":"approved","allowTools":["Bash(ls:*)",null],"answers":{"q":["a"]}}`,
		`{"decision":"abort","reason":"no"}`, `{"localIds":["a",1]}`, "{\"text\":\"\xff\"}", `{"answers":{"q":{"answers":["a"]}}}`, `{"a":1}{`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		request := func() *http.Request {
			return httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		}
		check := func(what string, err error) {
			var shown *wire.Error
			if err != nil && !errors.As(err, &shown) {
				t.Errorf("%s: %v is no error for a peer", what, err)
			}
		}
		_, err := decodeSend(request())
		check("send", err)
		_, err = decodeLocalIDs(request())
		check("queued state", err)
		for _, read := range []func(*http.Request) (*object, error){readObject, readOptionalObject} {
			o, err := read(request())
			check("object", err)
			if err != nil {
				continue
			}
			_, err = decodeApproval(o, "claude")
			check("approve", err)
		}
		if o, err := readOptionalObject(request()); err == nil {
			answer, err := decodeDenial(o)
			check("deny", err)
			if answer.Approved || grants(answer.Decision) {
				t.Errorf("%q denies by approving", body)
			}
		}
	})
}
