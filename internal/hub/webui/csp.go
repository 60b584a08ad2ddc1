package webui

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
)

var inlineScript = regexp.MustCompile(`(?is)<script(\s[^>]*)?>(.*?)</script>`)

// contentSecurityPolicy allows the app's own files and the inline scripts of
// its index page, by their hash. The app may talk to any hub the person names,
// hence connect-src; Telegram shows it in a frame.
func contentSecurityPolicy(index []byte) string {
	scripts := "script-src 'self' 'wasm-unsafe-eval'"
	for _, match := range inlineScript.FindAllSubmatch(index, -1) {
		if len(match[2]) == 0 {
			continue // loaded by src
		}
		sum := sha256.Sum256(match[2])
		scripts += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return strings.Join([]string{
		"default-src 'self'",
		scripts,
		"style-src 'self' 'unsafe-inline'",
		"img-src 'self' data: blob: https:",
		"font-src 'self' data:",
		"media-src 'self' data: blob:",
		"connect-src 'self' http: https: ws: wss:",
		"worker-src 'self' blob:",
		"object-src 'none'",
		"base-uri 'self'",
		"form-action 'self'",
		"frame-ancestors 'self' https://web.telegram.org",
	}, "; ")
}
