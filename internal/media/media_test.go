package media

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var png = append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), bytes.Repeat([]byte{1}, 64)...)

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestContentDecidesWhatAFileIs(t *testing.T) {
	t.Parallel()
	ebml := func(kind string) []byte {
		return append([]byte("\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82"), append([]byte{0x80 | byte(len(kind))}, kind...)...)
	}
	for _, tt := range []struct {
		name    string
		content []byte
		kind    Kind
		want    string // empty: refused
	}{
		{"a.png", png, Image, "image/png"},
		{"a.txt", png, Image, "image/png"}, // its name does not count
		{"a.gif", []byte("GIF89a......"), Image, "image/gif"},
		{"a.jpg", []byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00"), Image, "image/jpeg"},
		{"a.webp", []byte("RIFF\x10\x00\x00\x00WEBPVP8 "), Image, "image/webp"},
		{"a.avif", []byte("\x00\x00\x00\x1cftypavif\x00\x00\x00\x00mif1"), Image, "image/avif"},
		{"a.svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg"></svg>`), Image, ""},
		{"a.png", []byte("#!/bin/sh\n"), Image, ""},
		{"a.mp4", []byte("\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2"), Video, "video/mp4"},
		{"a.webm", ebml("webm"), Video, "video/webm"},
		{"a.webm", ebml("matroska"), Video, ""},
		{"a.png", png, Video, ""},
		{"a.bin", []byte{0, 1, 2, 3}, Any, "application/octet-stream"},
		{"a.m4a", []byte("\x00\x00\x00\x20ftypM4A \x00\x00\x02\x00"), Any, "audio/mp4"},
		{"empty", nil, Any, "text/plain"},
	} {
		var s Store
		i, err := s.Read(write(t, tt.name, tt.content), "", tt.kind)
		if tt.want == "" {
			if err == nil {
				t.Errorf("%s as %v is taken as %s", tt.name, tt.kind, i.MIMEType)
			}
			continue
		}
		if err != nil || i.MIMEType != tt.want || !bytes.Equal(i.Content, tt.content) {
			t.Errorf("%s is %+v, %v, want %s", tt.name, i, err, tt.want)
		}
	}
}

func TestAFileIsNamedByItsTitle(t *testing.T) {
	t.Parallel()
	var s Store
	path := write(t, "shot.png", png)
	for title, want := range map[string]string{"": "shot.png", "The login": "The login.png", "a.jpg": "a.jpg"} {
		i, err := s.Read(path, title, Image)
		if err != nil || i.FileName != want {
			t.Errorf("titled %q it is %+v, %v, want %q", title, i, err, want)
		}
		if got := s.Get(i.ID); got == nil || got.FileName != want {
			t.Errorf("by its id it is %+v", got)
		}
	}
	if s.Get("unknown") != nil {
		t.Error("an unknown id gives something")
	}
}

func TestWhatCannotBeShownIsRefused(t *testing.T) {
	t.Parallel()
	var s Store
	big := write(t, "big", nil)
	if err := os.Truncate(big, MaxSize+1); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"relative.png": "absolute", t.TempDir(): "not a file", filepath.Join(t.TempDir(), "none"): "no such file", big: "at most", "/dev/null": "not a file",
	} {
		if _, err := s.Read(path, "", Any); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

func TestTheOldestGoWhenThereAreTooMany(t *testing.T) {
	t.Parallel()
	var s Store
	first := ""
	for n := range maxItems + 1 {
		i, err := s.Read(write(t, "f", append([]byte{byte(n)}, png...)), "", Any)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			first = i.ID
		}
	}
	if s.Get(first) != nil || len(s.items) != maxItems {
		t.Errorf("%d are kept", len(s.items))
	}
	for range 5 {
		s.keep(&Item{ID: "x" + strings.Repeat("y", len(s.items)), Content: make([]byte, MaxSize)})
	}
	if s.total > maxTotal {
		t.Errorf("%d bytes are kept", s.total)
	}
}

func TestContentWithoutAFileIsNamedAfterWhatItIs(t *testing.T) {
	t.Parallel()
	var s Store
	for content, want := range map[string][2]string{
		"\x89PNG\r\n\x1a\n":            {"image.png", "image/png"},
		"RIFF\x24\x00\x00\x00WAVEfmt ": {"audio.wav", "audio/wav"},
		"words":                        {"file.txt", "text/plain"},
	} {
		i, err := s.Add([]byte(content))
		if err != nil || i.FileName != want[0] || i.MIMEType != want[1] || s.Get(i.ID) == nil {
			t.Errorf("%q is %+v, %v, want %q", content, i, err, want)
		}
	}
	for _, content := range [][]byte{nil, make([]byte, MaxSize+1)} {
		if _, err := s.Add(content); err == nil {
			t.Errorf("%d bytes are taken", len(content))
		}
	}
}
