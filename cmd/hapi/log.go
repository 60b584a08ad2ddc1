package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"hapi/internal/home"
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
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: redacted}
	switch format := strings.ToLower(os.Getenv("HAPI_LOG_FORMAT")); format {
	case "", "text":
		return slog.New(slog.NewTextHandler(w, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	default:
		return nil, fmt.Errorf("HAPI_LOG_FORMAT is %q; it can be text or json", format)
	}
}

// secrets are what looks like a token: in a URL, a session token, a named
// access token. Nothing of the kind is logged on purpose; this is for texts of
// others, such as an error with a URL in it.
var secrets = regexp.MustCompile(`(?i)((?:token|code|secret)=)[^&\s"']+|eyJ[\w-]+\.[\w-]+\.[\w-]+|hapi_[\w-]{40,}`)

func redacted(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Any().(type) {
	case string:
		a.Value = slog.StringValue(secrets.ReplaceAllString(v, "${1}[redacted]"))
	case error:
		a.Value = slog.StringValue(secrets.ReplaceAllString(v.Error(), "${1}[redacted]"))
	}
	return a
}

// openLog makes a log file of this process: the terminal is for the person. Kind
// ends its name.
func openLog(data *home.Home, kind string) (log *slog.Logger, path string, done func(), err error) {
	dir := data.Path("logs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, "", nil, fmt.Errorf("make the log directory: %w", err)
	}
	path = filepath.Join(dir, fmt.Sprintf("%s-pid-%d%s.log", time.Now().Format("2006-01-02-15-04-05"), os.Getpid(), kind))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, "", nil, fmt.Errorf("open the log: %w", err)
	}
	if log, err = newLogger(f); err != nil {
		return nil, "", nil, errors.Join(err, f.Close())
	}
	return log, path, func() { _ = f.Close() }, nil
}
