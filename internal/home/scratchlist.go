package home

import (
	"fmt"
	"strconv"
	"strings"

	"hapi/internal/wire"
)

// scratchlist reads the limits of what may be attached to notes. Zero is the
// usual limit.
func (l *loader) scratchlist() wire.ScratchlistLimits {
	limits := wire.ScratchlistLimits{
		MaxBytesPerFile:        l.positive("HAPI_SCRATCHLIST_MAX_ATTACHMENT_BYTES_PER_FILE"),
		MaxAttachmentsPerEntry: int(l.positive("HAPI_SCRATCHLIST_MAX_ATTACHMENTS_PER_ENTRY")),
		MaxBytesPerEntry:       l.positive("HAPI_SCRATCHLIST_MAX_ATTACHMENT_BYTES_PER_ENTRY"),
		MaxBytesPerSession:     l.positive("HAPI_SCRATCHLIST_MAX_ATTACHMENT_BYTES_PER_SESSION"),
	}
	types, _ := l.env("HAPI_SCRATCHLIST_ALLOWED_ATTACHMENT_MIMES")
	for entry := range strings.SplitSeq(types, ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			limits.AllowedMimeTypes = append(limits.AllowedMimeTypes, entry)
		}
	}
	return limits
}

// positive is a whole number above zero from the environment; 0 when it is absent.
func (l *loader) positive(variable string) int64 {
	text, ok := l.env(variable)
	if !ok || strings.TrimSpace(text) == "" {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n <= 0 {
		l.fail(fmt.Errorf("%s is %q; it must be a whole number above zero", variable, text))
		return 0
	}
	return n
}
