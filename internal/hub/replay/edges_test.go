package replay_test

import (
	"bytes"
	"io/fs"
	"testing/fstest"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// skipped are lines of a trace that are not played.
type skipped struct{ from, to int }

// edgeSkips: what goes wrong below HTTP is answered by the HTTP server before
// any of our code, and the recording shows only part of it.
var edgeSkips = []skipped{{754, 777}}

var jwtSecret = bytes.Repeat([]byte("k"), 32)

// edgeTokens are what the recording of the edges calls <token> and is not the
// session token that its client got first, by line.
func edgeTokens(now time.Time) map[int]string {
	at := now.Unix()
	good := jwt.MapClaims{"uid": 1, "ns": "default", "iat": at, "exp": at + 14400}
	bob := sign(jwt.SigningMethodHS256, jwtSecret, with(good, "ns", "bob"))
	noNamespace := sign(jwt.SigningMethodHS256, jwtSecret, with(good, "ns", nil))
	list := map[int]string{
		169: accessToken,
		172: sign(jwt.SigningMethodHS256, jwtSecret, with(good, "exp", at-10)),
		175: sign(jwt.SigningMethodHS256, jwtSecret, with(good, "uid", "1")),
		178: noNamespace,
		181: sign(jwt.SigningMethodHS256, jwtSecret, with(good, "exp", nil)),
		184: sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good),
		187: sign(jwt.SigningMethodHS256, []byte("another secret"), good),
		661: noNamespace,
		841: bob, 948: bob,
	}
	for line := 426; line <= 442; line++ {
		list[line] = bob
	}
	return list
}

// with is a copy of claims with one of them changed, or removed.
func with(claims jwt.MapClaims, name string, value any) jwt.MapClaims {
	changed := jwt.MapClaims{}
	for k, v := range claims {
		changed[k] = v
	}
	changed[name] = value
	if value == nil {
		delete(changed, name)
	}
	return changed
}

func sign(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		panic(err) // a fault of the test
	}
	return token
}

// webApp has the files of the recorded hub's web app, as far as their sizes are
// known.
func webApp() fs.FS {
	app := fstest.MapFS{}
	for name, size := range map[string]int{
		"index.html": 5714, "assets/index-sBSmwqRy.js": 2257132, "assets/index-Uw7G9XW_.css": 113931, "sw.js": 34772,
		"favicon.ico": 15086, "pwa-64x64.png": 2507, "manifest.webmanifest": 579,
	} {
		app[name] = &fstest.MapFile{Data: bytes.Repeat([]byte("x"), size)}
	}
	return app
}
