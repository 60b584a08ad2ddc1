// Package webui serves the web app that is built into the binary. Files are
// read once; a path that is not a file is the app's own business and gets its
// index page.
package webui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"hapi/internal/hub/negotiate"
)

//go:embed all:dist
var embedded embed.FS

// Embedded is the web app of this binary; without one New tells how to build it.
func Embedded() fs.FS {
	dist, err := fs.Sub(embedded, "dist")
	if err != nil { // the directory is part of the source tree
		panic(err)
	}
	return dist
}

// compressFrom is the size below which a compressed file saves no packet.
const compressFrom = 1 << 10

// App serves the files of one build.
type App struct {
	files map[string]*file // by URL path
	index *file
	csp   string
}

type file struct {
	body         []byte
	gzipped      func() []byte // once, when first asked for; nil if it does not help
	contentType  string
	etag         string
	cacheControl string
}

// New reads the build in dist. A dist without index.html is no build: the app
// then answers 503 and says how to make one.
func New(dist fs.FS) (*App, error) {
	app := &App{files: map[string]*file{}}
	err := fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			return err
		}
		body, err := fs.ReadFile(dist, name)
		if err != nil {
			return err
		}
		app.files["/"+name] = newFile("/"+name, body)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the web app: %w", err)
	}
	app.index = app.files["/index.html"]
	if app.index != nil {
		app.csp = contentSecurityPolicy(app.index.body)
	}
	return app, nil
}

// Built says whether there is a web app to serve.
func (a *App) Built() bool { return a.index != nil }

// ServeHTTP answers every path outside the hub's own.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		text(w, http.StatusNotFound, "404 Not Found")
		return
	}
	if !a.Built() {
		text(w, http.StatusServiceUnavailable, notBuilt)
		return
	}
	a.serve(w, r, a.find(r.URL.Path))
}

const notBuilt = `The web app is not part of this build.

Build it with "make build" and start the hub again. Everything under /api works without it.
`

func (a *App) find(urlPath string) *file {
	if f, ok := a.files[urlPath]; ok {
		return f
	}
	return a.index
}

func (a *App) serve(w http.ResponseWriter, r *http.Request, f *file) {
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("ETag", f.etag)
	h.Set("Cache-Control", f.cacheControl)
	if f == a.index {
		h.Set("Content-Security-Policy", a.csp)
		h.Set("Cross-Origin-Opener-Policy", "same-origin-allow-popups")
		h.Set("Permissions-Policy", "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()")
	}
	if f.cacheControl == neverStored { // a cached service worker strands people on an old build
		h.Set("CDN-Cache-Control", "no-store")
		h.Set("Cloudflare-CDN-Cache-Control", "no-store")
	}
	if unchanged(r.Header.Get("If-None-Match"), f.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.body
	if f.gzipped != nil {
		h.Set("Vary", "Accept-Encoding")
		if small := f.gzippedFor(r); small != nil {
			h.Set("Content-Encoding", "gzip")
			body = small
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // a reader that left is no concern of ours
}

func (f *file) gzippedFor(r *http.Request) []byte {
	if !negotiate.Gzip(r.Header.Values("Accept-Encoding")) {
		return nil
	}
	return f.gzipped()
}

// Cache policies: hashed names never change, everything else is asked for anew.
const (
	immutable   = "public, max-age=31536000, immutable"
	revalidated = "no-cache"
	neverStored = "no-store, no-cache, must-revalidate"
)

func newFile(urlPath string, body []byte) *file {
	sum := sha256.Sum256(body)
	f := &file{
		body:         body,
		contentType:  contentType(urlPath),
		etag:         `"` + hex.EncodeToString(sum[:12]) + `"`,
		cacheControl: revalidated,
	}
	switch {
	case urlPath == "/sw.js":
		f.cacheControl = neverStored
	case strings.HasPrefix(urlPath, "/assets/"):
		f.cacheControl = immutable
	}
	if len(body) >= compressFrom && compressible(f.contentType) {
		f.gzipped = sync.OnceValue(func() []byte { return negotiate.Compress(body) })
	}
	return f
}

// unchanged says whether the browser's copy is the present one. Tags are
// compared weakly: a proxy that recompresses makes them weak.
func unchanged(ifNoneMatch, etag string) bool {
	for tag := range strings.SplitSeq(ifNoneMatch, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == etag || tag == "*" {
			return true
		}
	}
	return false
}

// The types a web build is made of; the system's table differs between machines.
var contentTypes = map[string]string{
	".html":        "text/html; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".mjs":         "text/javascript; charset=utf-8",
	".css":         "text/css; charset=utf-8",
	".json":        "application/json",
	".map":         "application/json",
	".webmanifest": "application/manifest+json",
	".txt":         "text/plain; charset=utf-8",
	".svg":         "image/svg+xml",
	".png":         "image/png",
	".jpg":         "image/jpeg",
	".webp":        "image/webp",
	".gif":         "image/gif",
	".ico":         "image/x-icon",
	".woff":        "font/woff",
	".woff2":       "font/woff2",
	".ttf":         "font/ttf",
	".wasm":        "application/wasm",
	".mp3":         "audio/mpeg",
}

func contentType(urlPath string) string {
	if t, ok := contentTypes[strings.ToLower(path.Ext(urlPath))]; ok {
		return t
	}
	return "application/octet-stream"
}

func compressible(contentType string) bool {
	switch kind, _, _ := strings.Cut(contentType, ";"); kind {
	case "application/json", "application/manifest+json", "application/wasm", "image/svg+xml", "font/ttf":
		return true
	default:
		return strings.HasPrefix(kind, "text/")
	}
}

func text(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}
