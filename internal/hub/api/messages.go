package api

import (
	"encoding/json"
	"net/http"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/messages"
	"hapi/internal/wire"
)

// sentFromWeb is how prompts of this plane are marked in their envelope.
const sentFromWeb = "webapp"

// listMessages serves GET /api/sessions/{id}/messages.
func (a *API) listMessages(w http.ResponseWriter, r *http.Request) error {
	if err := a.access(r); err != nil {
		return err
	}
	query, err := messages.ParsePageQuery(r.URL.Query())
	if err != nil {
		return err
	}
	page, err := a.messages.Page(r.Context(), callerOf(r).NS, sessionID(r), query)
	if err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, page)
	return nil
}

// sendMessage serves POST /api/sessions/{id}/messages.
func (a *API) sendMessage(w http.ResponseWriter, r *http.Request) error {
	s, err := a.activeSession(r)
	if err != nil {
		return err
	}
	in, err := decodeSend(r)
	if err != nil {
		return err
	}
	if _, err := a.messages.Send(r.Context(), s.Namespace, s.ID, in, sentFromWeb); err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, answer.OK)
	return nil
}

// decodeSend reads the body as far as its types go; the rules are the
// service's.
func decodeSend(r *http.Request) (wire.SendRequest, error) {
	o, err := readObject(r)
	if err != nil {
		return wire.SendRequest{}, err
	}
	in := wire.SendRequest{
		Text:         o.text("text"),
		LocalID:      (*wire.LocalID)(o.text("localId")),
		Attachments:  o.attachments("attachments"),
		DeliveryMode: o.text("deliveryMode"),
	}
	if !o.null("scheduledAt") {
		in.ScheduledAt = (*wire.Millis)(o.integer("scheduledAt"))
	}
	return in, o.err()
}

func (o *object) attachments(name string) []wire.Attachment {
	raw, ok := o.fields[name]
	if !ok {
		return nil
	}
	entries := decodeAs[[]map[string]json.RawMessage](o, name, raw, "array")
	if entries == nil {
		return nil
	}
	list := make([]wire.Attachment, 0, len(*entries))
	for _, fields := range *entries {
		entry := object{fields: fields}
		list = append(list, entry.attachment())
		for _, messages := range entry.issuesByField() {
			for _, message := range messages {
				o.issue(name, message)
			}
		}
	}
	return list
}

func (o *object) attachment() wire.Attachment {
	size := o.integer("size")
	if size == nil {
		if !o.has("size") {
			o.expected("size", "number")
		}
		size = new(int64)
	}
	at := wire.Attachment{
		ID:       o.requiredText("id"),
		Filename: o.requiredText("filename"),
		MimeType: o.requiredText("mimeType"),
		Size:     *size,
		Path:     o.requiredText("path"),
	}
	if preview := o.text("previewUrl"); preview != nil {
		at.PreviewURL = *preview
	}
	return at
}

func (o *object) issuesByField() map[string][]string {
	if o.issues == nil {
		return nil
	}
	return o.issues.FieldErrors
}

// cancelMessage serves DELETE /api/sessions/{id}/messages/{messageId}.
func (a *API) cancelMessage(w http.ResponseWriter, r *http.Request) error {
	if err := a.access(r); err != nil {
		return err
	}
	result, err := a.messages.Cancel(r.Context(), callerOf(r).NS, sessionID(r), r.PathValue("messageId"))
	if err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, result)
	return nil
}

// steerMessage serves POST /api/sessions/{id}/messages/{messageId}/steer.
func (a *API) steerMessage(w http.ResponseWriter, r *http.Request) error {
	s, err := a.activeSession(r)
	if err != nil {
		return err
	}
	result, err := a.messages.Steer(r.Context(), s.Namespace, s.ID, r.PathValue("messageId"))
	if err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, result)
	return nil
}

// retryMessage serves POST /api/sessions/{id}/messages/{messageId}/retry.
func (a *API) retryMessage(w http.ResponseWriter, r *http.Request) error {
	if err := a.access(r); err != nil {
		return err
	}
	result, err := a.messages.Retry(r.Context(), callerOf(r).NS, sessionID(r), r.PathValue("messageId"))
	if err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, result)
	return nil
}

// maxAsked is how many local ids one question about the queue may name.
const maxAsked = 1000

// queuedState serves POST /api/sessions/{id}/messages/queued-state.
func (a *API) queuedState(w http.ResponseWriter, r *http.Request) error {
	if err := a.access(r); err != nil {
		return err
	}
	ids, err := decodeLocalIDs(r)
	if err != nil {
		return err
	}
	state, err := a.messages.QueuedState(r.Context(), callerOf(r).NS, sessionID(r), ids)
	if err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, state)
	return nil
}

func decodeLocalIDs(r *http.Request) ([]wire.LocalID, error) {
	const field = "localIds"
	o, err := readObject(r)
	if err != nil {
		return nil, err
	}
	texts := o.texts(field)
	if !o.has(field) {
		o.expected(field, "array")
	}
	if len(texts) > maxAsked {
		o.issue(field, "Too big: expected array to have <=1000 items")
	}
	ids := make([]wire.LocalID, 0, len(texts))
	for _, text := range texts {
		if text == "" {
			o.issue(field, "Too small: expected string to have >=1 characters")
			break
		}
		ids = append(ids, wire.LocalID(text))
	}
	return ids, o.err()
}
