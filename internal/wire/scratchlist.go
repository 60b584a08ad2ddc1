package wire

// ScratchlistEntry is one of a person's notes beside a session (http contract
// §5.10).
type ScratchlistEntry struct {
	EntryID     string       `json:"entryId"`
	Text        string       `json:"text"`
	CreatedAt   Millis       `json:"createdAt"`
	UpdatedAt   Millis       `json:"updatedAt"`
	Attachments []Attachment `json:"attachments"`
}

// ScratchlistLimits say what may be attached to notes.
type ScratchlistLimits struct {
	MaxBytesPerFile        int64    `json:"maxBytesPerFile"`
	MaxAttachmentsPerEntry int      `json:"maxAttachmentsPerEntry"`
	MaxBytesPerEntry       int64    `json:"maxBytesPerEntry"`
	MaxBytesPerSession     int64    `json:"maxBytesPerSession"`
	AllowedMimeTypes       []string `json:"allowedMimeTypes"`
}
