package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/scratchlist"
	"hapi/internal/wire"
)

func (a *API) scratchlistRoutes(mux *http.ServeMux) {
	const base = "/api/sessions/{id}/scratchlist"
	a.handle(mux, "GET "+base, a.listNotes)
	a.handle(mux, "POST "+base, a.createNote)
	a.handle(mux, "PUT "+base+"/{entryId}", a.updateNote)
	a.handle(mux, "DELETE "+base+"/{entryId}", a.deleteNote)
	a.handle(mux, "GET "+base+"/limits", a.noteLimits)
	a.handle(mux, "POST "+base+"/upload", a.uploadForNote)
	a.handle(mux, "GET "+base+"/attachments/{attachmentId}", a.noteAttachment)
	a.handle(mux, "DELETE "+base+"/attachments/{attachmentId}", a.discardAttachment)
}

// listNotes serves GET …/scratchlist.
func (a *API) listNotes(w http.ResponseWriter, r *http.Request) error {
	if err := a.access(r); err != nil {
		return err
	}
	entries, err := a.notes.List(r.Context(), callerOf(r).NS, sessionID(r))
	if err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, struct {
		Entries []wire.ScratchlistEntry `json:"entries"`
	}{entries})
	return nil
}

type noteAnswer struct {
	Entry wire.ScratchlistEntry `json:"entry"`
}

// createNote serves POST …/scratchlist. Repeating an entryId gives the note
// that has it.
func (a *API) createNote(w http.ResponseWriter, r *http.Request) error {
	if err := a.access(r); err != nil {
		return err
	}
	o, err := readObject(r)
	if err != nil {
		return a.refuseNote(w, r, err)
	}
	d := decodeNote(o)
	d.CreatedAt = (*wire.Millis)(o.integer("createdAt"))
	if d.CreatedAt != nil && *d.CreatedAt < 0 {
		o.issue("createdAt", "Too small: expected number to be >=0")
	}
	if id := o.text("entryId"); id != nil {
		if d.EntryID = *id; *id == "" || utf8.RuneCountInString(*id) > maxEntryID {
			o.issue("entryId", "Invalid length: expected 1 to 128 characters")
		}
	}
	if o.issues == nil && (d.Text == nil || strings.TrimSpace(*d.Text) == "") && (d.Attachments == nil || len(*d.Attachments) == 0) {
		o.issues = o.issues.Form("text or attachments are required")
	}
	if err := o.err(); err != nil {
		return a.refuseNote(w, r, err)
	}
	entry, created, err := a.notes.Create(r.Context(), callerOf(r).NS, sessionID(r), d)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	a.write(w, r, status, noteAnswer{entry})
	return nil
}

// updateNote serves PUT …/scratchlist/{entryId}.
func (a *API) updateNote(w http.ResponseWriter, r *http.Request) error {
	if err := a.access(r); err != nil {
		return err
	}
	o, err := readObject(r)
	if err != nil {
		return a.refuseNote(w, r, err)
	}
	d := decodeNote(o)
	if o.issues == nil && d.Text == nil && d.Attachments == nil {
		o.issues = o.issues.Form("text or attachments are required")
	}
	if err := o.err(); err != nil {
		return a.refuseNote(w, r, err)
	}
	entry, err := a.notes.Update(r.Context(), callerOf(r).NS, sessionID(r), r.PathValue("entryId"), d)
	if err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, noteAnswer{entry})
	return nil
}

// Bounds of a note, in characters.
const (
	maxEntryID  = 128
	maxNoteText = 10000
)

func decodeNote(o *object) scratchlist.Draft {
	d := scratchlist.Draft{Text: o.text("text")}
	if d.Text != nil && utf8.RuneCountInString(*d.Text) > maxNoteText {
		o.issue("text", "Too big: expected string to have <=10000 characters")
	}
	if o.has("attachments") {
		list := o.attachments("attachments")
		d.Attachments = &list
	}
	return d
}

// deleteNote serves DELETE …/scratchlist/{entryId}.
func (a *API) deleteNote(w http.ResponseWriter, r *http.Request) error {
	if err := a.access(r); err != nil {
		return err
	}
	if err := a.notes.Delete(r.Context(), callerOf(r).NS, sessionID(r), r.PathValue("entryId")); err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, answer.OK)
	return nil
}

// noteLimits serves GET …/scratchlist/limits.
func (a *API) noteLimits(w http.ResponseWriter, r *http.Request) error {
	if err := a.access(r); err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, struct {
		Limits wire.ScratchlistLimits `json:"limits"`
	}{a.notes.Limits()})
	return nil
}

// uploadForNote serves POST …/scratchlist/upload.
func (a *API) uploadForNote(w http.ResponseWriter, r *http.Request) error {
	if err := a.access(r); err != nil {
		return err
	}
	release, err := a.uploading(r)
	if err != nil {
		return err
	}
	defer release()
	in, err := decodeUpload(r)
	if errors.Is(err, wire.ErrInvalidBody) {
		return a.callFailed(w, r, coded(wire.ErrInvalidBody, "invalid_body"), http.StatusBadRequest)
	}
	if err != nil {
		return err
	}
	attachment, err := a.notes.Upload(r.Context(), callerOf(r).NS, sessionID(r), in.Filename, in.MimeType, in.Content)
	var refused *wire.Error
	switch {
	case errors.Is(err, scratchlist.ErrFileTooLarge):
		return a.callFailed(w, r, err, http.StatusRequestEntityTooLarge)
	case errors.As(err, &refused) && refused.Kind == wire.Invalid:
		return a.callFailed(w, r, err, http.StatusBadRequest)
	case err != nil:
		return err
	}
	a.write(w, r, http.StatusOK, struct {
		Success    bool            `json:"success"`
		Attachment wire.Attachment `json:"attachment"`
	}{true, attachment})
	return nil
}

// noteAttachment serves GET …/scratchlist/attachments/{attachmentId}.
func (a *API) noteAttachment(w http.ResponseWriter, r *http.Request) error {
	if err := a.access(r); err != nil {
		return err
	}
	attachment, content, err := a.notes.Read(r.Context(), callerOf(r).NS, sessionID(r), r.PathValue("attachmentId"))
	if err != nil {
		return err
	}
	serveFile(w, r, attachment.Filename, attachment.MimeType, "inline", content)
	return nil
}

// discardAttachment serves DELETE …/scratchlist/attachments/{attachmentId}.
func (a *API) discardAttachment(w http.ResponseWriter, r *http.Request) error {
	if err := a.access(r); err != nil {
		return err
	}
	if err := a.notes.Discard(r.Context(), callerOf(r).NS, sessionID(r), r.PathValue("attachmentId")); err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, answer.OK)
	return nil
}

// listedIssue is an issue in the list form of these routes.
type listedIssue struct {
	Code    string   `json:"code"`
	Path    []string `json:"path"`
	Message string   `json:"message"`
}

// refuseNote answers a body that is not what the route takes.
func (a *API) refuseNote(w http.ResponseWriter, r *http.Request, err error) error {
	var invalid *wire.Error
	if !errors.As(err, &invalid) || invalid.Kind != wire.Invalid {
		return err
	}
	issues := []listedIssue{}
	if invalid.Issues != nil {
		for _, message := range invalid.Issues.FormErrors {
			issues = append(issues, listedIssue{"custom", []string{}, message})
		}
		for field, messages := range invalid.Issues.FieldErrors {
			for _, message := range messages {
				issues = append(issues, listedIssue{"custom", []string{field}, message})
			}
		}
	}
	slices.SortFunc(issues, func(a, b listedIssue) int { return slices.Compare(a.Path, b.Path) })
	a.write(w, r, http.StatusBadRequest, struct {
		Error  string        `json:"error"`
		Issues []listedIssue `json:"issues"`
	}{invalid.Text, issues})
	return nil
}
