package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// newLogger logs as HAPI_LOG_LEVEL (debug, info, warn, error) and
// HAPI_LOG_FORMAT (text, json) say. DEBUG is the old name for level debug.
func newLogger(w io.Writer) (*slog.Logger, error) {
	level := slog.LevelInfo
	if os.Getenv("DEBUG") != "" {
		level = slog.LevelDebug
	}
	if name := os.Getenv("HAPI_LOG_LEVEL"); name != "" {
		if err := level.UnmarshalText([]byte(name)); err != nil {
			return nil, fmt.Errorf("HAPI_LOG_LEVEL is %q; it can be debug, info, warn or error", name)
		}
	}
	o := &slog.HandlerOptions{Level: level}
	switch format := strings.ToLower(os.Getenv("HAPI_LOG_FORMAT")); format {
	case "", "text":
		return slog.New(slog.NewTextHandler(w, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	default:
		return nil, fmt.Errorf("HAPI_LOG_FORMAT is %q; it can be text or json", format)
	}
}
