package wire

// ExportWarning answers an export that is large: it is to be asked for again
// with force.
type ExportWarning struct {
	Type           string `json:"type"` // warning
	Count          int64  `json:"count"`
	Limit          int64  `json:"limit"`
	EstimatedBytes int64  `json:"estimatedBytes"`
}

// ExportTooLarge refuses an export.
type ExportTooLarge struct {
	Type           string `json:"type"` // too-large
	Error          string `json:"error"`
	Code           string `json:"code"`
	Count          int64  `json:"count"`
	EstimatedBytes int64  `json:"estimatedBytes"`
	MaxBytes       int64  `json:"maxBytes"`
}
