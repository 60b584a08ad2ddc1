// Package apidocs shows the contract of the hub's HTTP API: as JSON for
// programs and as one page for people, without scripts and without anything
// from elsewhere.
package apidocs

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Docs are the two forms of a contract.
type Docs struct {
	JSON []byte
	Page []byte
	// Policy is the content security policy of the page.
	Policy string
}

//go:embed page.html
var pageText string

//go:embed page.css
var style string

// New reads a contract in YAML.
func New(spec []byte) (*Docs, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(spec, &doc); err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	if len(doc.Content) != 1 {
		return nil, fmt.Errorf("the contract is empty")
	}
	var plain any
	if err := doc.Decode(&plain); err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	asJSON, err := json.Marshal(plain)
	if err != nil {
		return nil, fmt.Errorf("write the contract as JSON: %w", err)
	}
	c := contract{root: doc.Content[0]}
	page, err := template.New("page").Funcs(template.FuncMap{"text": prose, "style": func() template.CSS { return template.CSS(style) }}).Parse(pageText)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := page.Execute(&out, c.view()); err != nil {
		return nil, fmt.Errorf("write the page of the contract: %w", err)
	}
	sum := sha256.Sum256([]byte(style))
	return &Docs{
		JSON: asJSON, Page: out.Bytes(),
		Policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}, nil
}

// prose is a description: paragraphs, and code between backticks.
func prose(s string) template.HTML {
	var b strings.Builder
	for paragraph := range strings.SplitSeq(strings.TrimSpace(s), "\n\n") {
		if strings.TrimSpace(paragraph) == "" {
			continue
		}
		b.WriteString("<p>")
		for i, part := range strings.Split(paragraph, "`") {
			if i%2 == 1 {
				b.WriteString("<code>" + template.HTMLEscapeString(part) + "</code>")
			} else {
				b.WriteString(template.HTMLEscapeString(part))
			}
		}
		b.WriteString("</p>")
	}
	return template.HTML(b.String()) //nolint:gosec // every part is escaped
}
