package wire

import "encoding/json"

// Kind classifies an error by what the peer will do next: forget (NotFound),
// refresh (Conflict), try again (Unavailable).
type Kind int

// The kinds, and the HTTP status each becomes.
const (
	Internal     Kind = iota // 500
	Invalid                  // 400
	Unauthorized             // 401
	Forbidden                // 403
	NotFound                 // 404
	Conflict                 // 409
	TooLarge                 // 413
	BadGateway               // 502
	Unavailable              // 503
	Timeout                  // 504
	TooMany                  // 429
)

// Error is a failure a peer may see. Its JSON form is
// {"error": Text, "code"?: Code, "issues"?: …}.
type Error struct {
	Kind   Kind
	Text   string
	Code   string
	Issues *Issues
}

func (e *Error) Error() string { return e.Text }

// Is matches errors of the same kind, text and code, so that copies that carry
// issues still match their sentinel.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind && t.Text == e.Text && t.Code == e.Code
}

// With is a copy of e that carries issues.
func (e *Error) With(issues *Issues) *Error {
	c := *e
	c.Issues = issues
	return &c
}

// MarshalJSON writes the error body of the HTTP plane.
func (e *Error) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Error  string  `json:"error"`
		Code   string  `json:"code,omitempty"`
		Issues *Issues `json:"issues,omitempty"`
	}{e.Text, e.Code, e.Issues})
}

// Issues are validation failures, flattened: those of the whole body and
// those of one field.
type Issues struct {
	FormErrors  []string            `json:"formErrors"`
	FieldErrors map[string][]string `json:"fieldErrors"`
}

// Field adds a message about field and returns i, starting it if nil.
func (i *Issues) Field(field, message string) *Issues {
	i = i.started()
	i.FieldErrors[field] = append(i.FieldErrors[field], message)
	return i
}

// Form adds a message about the body as a whole and returns i, starting it if nil.
func (i *Issues) Form(message string) *Issues {
	i = i.started()
	i.FormErrors = append(i.FormErrors, message)
	return i
}

func (i *Issues) started() *Issues {
	if i == nil {
		return &Issues{FormErrors: []string{}, FieldErrors: map[string][]string{}}
	}
	return i
}

// The errors that several planes share (http contract §4).
var (
	ErrNotConnected    = &Error{Kind: Unavailable, Text: "Not connected"}
	ErrSessionNotFound = &Error{Kind: NotFound, Text: "Session not found"}
	ErrSessionDenied   = &Error{Kind: Forbidden, Text: "Session access denied"}
	ErrSessionInactive = &Error{Kind: Conflict, Text: "Session is inactive", Code: "session_inactive"}
	ErrMachineNotFound = &Error{Kind: NotFound, Text: "Machine not found"}
	ErrMachineDenied   = &Error{Kind: Forbidden, Text: "Machine access denied"}
	ErrRequestNotFound = &Error{Kind: NotFound, Text: "Request not found"}
	ErrInvalidBody     = &Error{Kind: Invalid, Text: "Invalid body"}
	ErrInvalidQuery    = &Error{Kind: Invalid, Text: "Invalid query"}
)
