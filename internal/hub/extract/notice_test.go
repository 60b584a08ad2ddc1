package extract_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/hub/extract"
)

func TestNotices(t *testing.T) {
	t.Parallel()
	output := func(data string) string {
		return `{"role":"agent","content":{"type":"output","data":` + data + `}}`
	}
	task := func(summary string, failed bool) extract.Notice {
		return extract.Notice{Task: &extract.TaskEnd{Summary: summary, Failed: failed}}
	}
	for name, tt := range map[string]struct {
		content string
		want    extract.Notice
	}{
		"ready":                        {`{"role":"agent","content":{"id":"e1","type":"event","data":{"type":"ready"}}}`, extract.Notice{Ready: true}},
		"ready without a role":         {`{"type":"event","data":{"type":"ready"}}`, extract.Notice{Ready: true}},
		"another event":                {`{"role":"agent","content":{"type":"event","data":{"type":"message","message":"ready"}}}`, extract.Notice{}},
		"a text that says ready":       {output(`{"type":"assistant","message":{"content":"ready"}}`), extract.Notice{}},
		"a person's text":              {`{"role":"user","content":"<task-notification><summary>no</summary>"}`, extract.Notice{}},
		"system":                       {output(`{"type":"system","subtype":"task_notification","summary":" tests ran ","status":"completed"}`), task("tests ran", false)},
		"system without a role":        {`{"type":"output","data":{"type":"system","subtype":"task_notification","summary":"s"}}`, task("s", false)},
		"system with a failure":        {output(`{"type":"system","subtype":"task_notification","summary":"s","status":" Killed "}`), task("s", true)},
		"system with a blank summary":  {output(`{"type":"system","subtype":"task_notification","summary":"  "}`), extract.Notice{}},
		"system, a summary not a text": {output(`{"type":"system","subtype":"task_notification","summary":5}`), extract.Notice{}},
		"another system entry":         {output(`{"type":"system","subtype":"init","summary":"s"}`), extract.Notice{}},
		"injected": {
			output(`{"type":"user","message":{"content":"\n <task-notification>\n<task-id>1</task-id><status> failed\n</status>\n<summary>two\nlines</summary></task-notification>"}}`),
			task("two\nlines", true),
		},
		"injected in content":           {output(`{"type":"user","content":"<task-notification><summary>s</summary>","message":{"content":"x"}}`), task("s", false)},
		"injected without a summary":    {output(`{"type":"user","message":{"content":"<task-notification><status>failed</status>"}}`), extract.Notice{}},
		"injected with an open summary": {output(`{"type":"user","message":{"content":"<task-notification><summary>s"}}`), extract.Notice{}},
		"spoken of, not injected":       {output(`{"type":"user","message":{"content":"see <task-notification><summary>s</summary>"}}`), extract.Notice{}},
		"a result that has the words":   {output(`{"type":"user","message":{"content":[{"type":"tool_result","content":"<task-notification><summary>s</summary>"}]}}`), extract.Notice{}},
		"no object":                     {`"text"`, extract.Notice{}},
		"null":                          {`null`, extract.Notice{}},
	} {
		if diff := cmp.Diff(tt.want, extract.NoticeOf(json.RawMessage(tt.content))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
