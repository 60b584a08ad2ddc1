package apidocs

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"hapi/api"
)

func TestPageShowsEveryRouteOfTheContract(t *testing.T) {
	t.Parallel()
	d, err := New(api.Spec)
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	if err := json.Unmarshal(d.JSON, &spec); err != nil || spec.OpenAPI == "" || len(spec.Paths) < 50 {
		t.Fatalf("%v, %d paths", err, len(spec.Paths))
	}
	page := string(d.Page)
	for path, item := range spec.Paths {
		for method := range item {
			if method == "parameters" {
				continue
			}
			if id := `id="` + method + strings.NewReplacer("/", "-", "{", "", "}", "").Replace(path) + `"`; !strings.Contains(page, id) {
				t.Errorf("no %s %s", method, path)
			}
		}
	}
	for _, link := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(page, `id="`+link[1]+`"`) {
			t.Errorf("the link to %s leads nowhere", link[1])
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "http://") && strings.Contains(page, `src="http`) || strings.Contains(page, "ZgotmplZ") {
		t.Error("the page runs or loads something")
	}
}

func TestDescriptionsAreText(t *testing.T) {
	t.Parallel()
	d, err := New([]byte("openapi: 3.0.3\ninfo: {title: '<b>x</b>', description: 'a `<i>` & <script>alert(1)</script>'}\npaths: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if page := string(d.Page); strings.Contains(page, "<b>") || strings.Contains(page, "<script") || !strings.Contains(page, "<code>&lt;i&gt;</code>") {
		t.Errorf("got %s", page)
	}
	for _, bad := range []string{"", "\t", "a: b: c"} {
		if _, err := New([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
