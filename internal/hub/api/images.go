package api

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"hapi/internal/wire"
)

// maxImage is the largest generated image, decoded.
const maxImage = 25 << 20

var errNoImage = &wire.Error{Kind: wire.NotFound, Text: "Generated image not found"}

// generatedImage serves GET /api/sessions/{id}/generated-images/{imageId}. The
// id is the content's fingerprint, so whoever has the image need not ask again.
func (a *API) generatedImage(w http.ResponseWriter, r *http.Request) error {
	s, err := a.session(r)
	if err != nil {
		return err
	}
	image := r.PathValue("imageId")
	if !fitsETag(image) {
		return a.callFailed(w, r, errNoImage, http.StatusNotFound)
	}
	etag := `"` + image + `"`
	if matchesETag(r.Header.Values("If-None-Match"), etag) {
		cacheForever(w, etag)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	file, content, err := a.readImage(r, s.ID, image)
	var known *wire.Error
	if errors.As(err, &known) {
		return a.callFailed(w, r, err, http.StatusNotFound)
	}
	if err != nil {
		return err
	}
	cacheForever(w, etag)
	serveFile(w, r, file.Name, file.Type, disposition(file.Type), content)
	return nil
}

// imageFile is the answer of readGeneratedImage.
type imageFile struct {
	Success bool   `json:"success"`
	Error   string `json:"error"`
	Content string `json:"content"` // base64
	Type    string `json:"mimeType"`
	Name    string `json:"fileName"`
}

func (a *API) readImage(r *http.Request, id wire.SessionID, image string) (file imageFile, content []byte, err error) {
	raw, err := a.ask(r.Context(), string(id), wire.MethodReadGeneratedImage, map[string]string{"id": image})
	if err != nil {
		return file, nil, err
	}
	if json.Unmarshal(raw, &file) != nil {
		return file, nil, errBadAnswer
	}
	if !file.Success {
		return file, nil, &wire.Error{Kind: wire.NotFound, Text: cmp.Or(file.Error, errNoImage.Text)}
	}
	if base64.StdEncoding.DecodedLen(len(file.Content)) > maxImage+3 {
		return file, nil, &wire.Error{Kind: wire.NotFound, Text: "Generated image is too large", Code: "image_too_large"}
	}
	if content, err = base64.StdEncoding.DecodeString(file.Content); err != nil {
		return file, nil, errBadAnswer
	}
	return file, content, nil
}

// fitsETag says whether id can stand in an entity tag.
func fitsETag(id string) bool {
	return id != "" && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r == '"' || r >= 0x7f })
}

// matchesETag says whether one of the tags, weak or not, is etag.
func matchesETag(headers []string, etag string) bool {
	for _, header := range headers {
		for tag := range strings.SplitSeq(header, ",") {
			if tag = strings.TrimSpace(tag); tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
				return true
			}
		}
	}
	return false
}

func cacheForever(w http.ResponseWriter, etag string) {
	w.Header().Set("ETag", etag)
	w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
}

// serveFile answers a file that somebody else made. Browsers must neither guess
// its type nor run what is in it: it comes from the hub's own origin.
func serveFile(w http.ResponseWriter, r *http.Request, name, contentType, disposition string, content []byte) {
	if _, _, err := mime.ParseMediaType(contentType); err != nil {
		contentType = ""
	}
	h := w.Header()
	h.Set("Content-Type", cmp.Or(contentType, "application/octet-stream"))
	h.Set("Content-Disposition", disposition+`; filename="`+encodeComponent(name)+`"`)
	h.Set("Content-Length", strconv.Itoa(len(content)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'")
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(content) // a caller that left is no concern of ours
}

// disposition lets a browser show media, and what has no type; all else is saved.
func disposition(contentType string) string {
	if _, _, err := mime.ParseMediaType(contentType); err != nil {
		return "inline"
	}
	kind, _, _ := strings.Cut(contentType, "/")
	switch kind {
	case "image", "video", "audio":
		return "inline"
	}
	return "attachment"
}

// encodeComponent is s as a part of a URL.
func encodeComponent(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
