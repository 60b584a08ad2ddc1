package main

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What launchd is told, read as XML: its leaves in their order.
func TestLaunchdStartsTheRunnerAndSparesItsSessions(t *testing.T) {
	t.Parallel()
	plist := plistOf("/opt/ha & pi/hapi", []string{"runner", "start-sync", "--workspace-root", `/Users/me/<{{.X}}> "code"`},
		map[string]string{"PATH": "/bin", "HAPI_RUNNER_SUPERVISED": "1"}, "/Users/me/.hapi/logs/runner.log")
	if strings.Contains(plist, "{{") {
		t.Error("a path would be read as a template")
	}
	var got []string
	for d := xml.NewDecoder(strings.NewReader(plist)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, plist)
		}
		switch v := token.(type) {
		case xml.CharData:
			if text := strings.TrimSpace(string(v)); text != "" {
				got = append(got, text)
			}
		case xml.StartElement:
			if v.Name.Local == "true" {
				got = append(got, "yes")
			}
		}
	}
	want := []string{
		"Label", "hapi-runner", "ProgramArguments", "/opt/ha & pi/hapi", "runner", "start-sync", "--workspace-root", `/Users/me/<{{.X}}> "code"`,
		"EnvironmentVariables", "HAPI_RUNNER_SUPERVISED", "1", "PATH", "/bin", "RunAtLoad", "yes", "KeepAlive", "yes", "AbandonProcessGroup", "yes",
		"SoftResourceLimits", "NumberOfFiles", "65536",
		"StandardOutPath", "/Users/me/.hapi/logs/runner.log", "StandardErrorPath", "/Users/me/.hapi/logs/runner.log",
	}
	if !slices.Equal(got, want) {
		t.Errorf("launchd is told (-want +got):\n%s", cmp.Diff(want, got))
	}
}
