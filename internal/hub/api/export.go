package api

import (
	"bufio"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/messages"
	"hapi/internal/wire"
)

// exportSchema is the version of an export's shape.
const exportSchema = 2

// exportSession serves GET /api/sessions/{id}/export.
func (a *API) exportSession(w http.ResponseWriter, r *http.Request) error {
	s, err := a.session(r)
	if err != nil {
		return err
	}
	count, size, err := a.messages.ExportSize(r.Context(), s.Namespace, s.ID)
	if err != nil {
		return err
	}
	switch {
	case size > messages.ExportMostBytes:
		a.write(w, r, http.StatusRequestEntityTooLarge, wire.ExportTooLarge{
			Type: "too-large", Error: "Session export exceeds the resource limit", Code: "session_export_too_large",
			Count: count, EstimatedBytes: size, MaxBytes: messages.ExportMostBytes,
		})
		return nil
	case count > messages.ExportWarnFrom && r.URL.Query().Get("force") != "true":
		a.write(w, r, http.StatusOK, wire.ExportWarning{
			Type: "warning", Count: count, Limit: messages.ExportWarnFrom, EstimatedBytes: size,
		})
		return nil
	}
	notes, err := a.notes.List(r.Context(), s.Namespace, s.ID)
	if err != nil {
		return err
	}
	notes = slices.Clone(notes)
	slices.SortStableFunc(notes, func(x, y wire.ScratchlistEntry) int { return cmp.Compare(x.CreatedAt, y.CreatedAt) })
	if r.Method == http.MethodHead {
		answer.Write(w, r, http.StatusOK, "application/json", nil)
		return nil
	}
	a.streamExport(w, r, &s, notes)
	return nil
}

// streamExport writes message by message. A failure in the middle breaks the
// connection, so that nobody takes half a conversation for all of it.
func (a *API) streamExport(w http.ResponseWriter, r *http.Request, s *wire.Session, notes []wire.ScratchlistEntry) {
	out := answer.Stream(w, r, "application/json")
	buffered := bufio.NewWriterSize(out, 64<<10)
	err := a.writeExport(r, buffered, s, notes)
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = out.Close()
	}
	if err == nil {
		return
	}
	if !gone(r) {
		a.log.ErrorContext(r.Context(), "export failed", "session", s.ID, "err", err)
	}
	panic(http.ErrAbortHandler)
}

func (a *API) writeExport(r *http.Request, w io.Writer, s *wire.Session, notes []wire.ScratchlistEntry) error {
	head, err := json.Marshal(struct {
		SchemaVersion int           `json:"schemaVersion"`
		ExportedAt    wire.Millis   `json:"exportedAt"`
		Session       *wire.Session `json:"session"`
	}{exportSchema, wire.Now(), s})
	if err != nil {
		return err
	}
	tail, err := json.Marshal(notes)
	if err != nil {
		return err
	}
	if _, err := w.Write(append(head[:len(head)-1], `,"messages":[`...)); err != nil {
		return err
	}
	var row []byte
	err = a.messages.Export(r.Context(), s.Namespace, s.ID, func(m *wire.Message) error {
		if row != nil {
			row = append(row[:0], ',')
		}
		row = m.AppendJSON(row)
		_, err := w.Write(row)
		return err
	})
	if err != nil {
		return err
	}
	_, err = w.Write(append(append([]byte(`],"scratchlist":`), tail...), '}'))
	return err
}
