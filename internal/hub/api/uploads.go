package api

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"hapi/internal/wire"
)

// maxUpload is the largest file, decoded.
const maxUpload = 50 << 20

// maxUploads bounds the memory that uploads take: each is held whole, in
// base64, while it is handed on. Further ones wait.
const maxUploads = 4

// upload serves POST /api/sessions/{id}/upload: the file goes to the machine
// the agent runs on, and its path there comes back.
func (a *API) upload(w http.ResponseWriter, r *http.Request) error {
	s, err := a.activeSession(r)
	if err != nil {
		return err
	}
	release, err := a.uploading(r)
	if err != nil {
		return err
	}
	defer release()
	in, err := decodeUpload(r)
	if err != nil {
		return bare(err)
	}
	if decodedSize(in.Content) > maxUpload {
		a.write(w, r, http.StatusRequestEntityTooLarge, callFailed{Error: "File too large (max 50MB)"})
		return nil
	}
	in.SessionID = s.ID
	return a.passThrough(w, r, string(s.ID), wire.MethodUploadFile, in, http.StatusInternalServerError)
}

// uploading waits until another upload may be held in memory.
func (a *API) uploading(r *http.Request) (release func(), err error) {
	select {
	case a.uploads <- struct{}{}:
		return func() { <-a.uploads }, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// deleteUpload serves POST /api/sessions/{id}/upload/delete.
func (a *API) deleteUpload(w http.ResponseWriter, r *http.Request) error {
	s, err := a.activeSession(r)
	if err != nil {
		return err
	}
	o, err := readObject(r)
	if err != nil {
		return bare(err)
	}
	path := o.requiredText("path")
	if o.err() != nil || path == "" {
		return wire.ErrInvalidBody
	}
	params := wire.DeleteUploadParams{SessionID: s.ID, Path: path}
	return a.passThrough(w, r, string(s.ID), wire.MethodDeleteUpload, params, http.StatusInternalServerError)
}

func decodeUpload(r *http.Request) (wire.UploadParams, error) {
	o, err := readObject(r)
	if err != nil {
		return wire.UploadParams{}, err
	}
	in := wire.UploadParams{
		Filename: o.requiredText("filename"),
		Content:  o.requiredText("content"),
		MimeType: o.requiredText("mimeType"),
	}
	if o.err() != nil || in.Content == "" || !shortName(in.Filename) || !shortName(in.MimeType) {
		return wire.UploadParams{}, wire.ErrInvalidBody
	}
	return in, nil
}

func shortName(s string) bool { return s != "" && utf8.RuneCountInString(s) <= 255 }

// decodedSize is how many bytes base64 text stands for.
func decodedSize(content string) int {
	return len(content)*3/4 - len(content) + len(strings.TrimRight(content, "="))
}
