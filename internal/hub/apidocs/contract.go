package apidocs

import (
	"encoding/json"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// contract is an OpenAPI document whose order is kept.
type contract struct{ root *yaml.Node }

// What the page shows.
type (
	view struct {
		Title, Description string
		Groups             []group
		Schemas            []named
	}
	group struct {
		Name, Description string
		Operations        []operation
	}
	operation struct {
		ID, Method, Path, Summary, Description string
		Open                                   bool // no token is needed
		Parameters                             []parameter
		Body                                   *body
		Answers                                []answer
	}
	parameter struct {
		Name, In, Type, Description string
		Required                    bool
	}
	body struct {
		Schema  schema
		Example string
	}
	answer struct {
		Status, Description string
		Body                *body
	}
	named struct {
		Name string
		schema
	}
	schema struct {
		Type, Ref, Description string
		Fields                 []field
	}
	field struct {
		Name     string
		Required bool
		schema
	}
)

// get follows keys into mappings, and references.
func (c *contract) get(n *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		n = c.resolve(n)
		if n == nil || n.Kind != yaml.MappingNode {
			return nil
		}
		var found *yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				found = n.Content[i+1]
			}
		}
		n = found
	}
	return c.resolve(n)
}

// ref is where a reference leads, or "".
func ref(n *yaml.Node) string {
	if n != nil && n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Value == "$ref" {
		return n.Content[1].Value
	}
	return ""
}

func (c *contract) resolve(n *yaml.Node) *yaml.Node {
	target, local := strings.CutPrefix(ref(n), "#/")
	if !local {
		return n
	}
	return c.get(c.root, strings.Split(target, "/")...)
}

func (c *contract) text(n *yaml.Node, keys ...string) string {
	if n = c.get(n, keys...); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}

func (c *contract) list(n *yaml.Node, keys ...string) []*yaml.Node {
	if n = c.get(n, keys...); n != nil && n.Kind == yaml.SequenceNode {
		return n.Content
	}
	return nil
}

// entries visits a mapping in its order.
func (c *contract) entries(n *yaml.Node, visit func(key string, value *yaml.Node)) {
	if n = c.resolve(n); n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		visit(n.Content[i].Value, n.Content[i+1])
	}
}

func (c *contract) view() view {
	v := view{Title: c.text(c.root, "info", "title"), Description: c.text(c.root, "info", "description")}
	for _, tag := range c.list(c.root, "tags") {
		v.Groups = append(v.Groups, group{Name: c.text(tag, "name"), Description: c.text(tag, "description")})
	}
	c.entries(c.get(c.root, "paths"), func(path string, item *yaml.Node) {
		c.entries(item, func(method string, op *yaml.Node) {
			if !slices.Contains([]string{"get", "put", "post", "delete", "patch"}, method) {
				return
			}
			tag := ""
			if tags := c.list(op, "tags"); len(tags) > 0 {
				tag = tags[0].Value
			}
			i := slices.IndexFunc(v.Groups, func(g group) bool { return g.Name == tag })
			if i < 0 {
				i = len(v.Groups)
				v.Groups = append(v.Groups, group{Name: tag})
			}
			v.Groups[i].Operations = append(v.Groups[i].Operations, c.operation(path, method, item, op))
		})
	})
	c.entries(c.get(c.root, "components", "schemas"), func(name string, n *yaml.Node) {
		v.Schemas = append(v.Schemas, named{name, c.schema(n, 0)})
	})
	return v
}

func (c *contract) operation(path, method string, item, op *yaml.Node) operation {
	o := operation{
		ID: method + strings.NewReplacer("/", "-", "{", "", "}", "").Replace(path), Method: strings.ToUpper(method), Path: path,
		Summary: c.text(op, "summary"), Description: c.text(op, "description"),
		Body: c.body(c.get(op, "requestBody", "content")),
	}
	if security := c.get(op, "security"); security != nil && len(security.Content) == 0 {
		o.Open = true
	}
	for _, p := range append(slices.Clone(c.list(item, "parameters")), c.list(op, "parameters")...) {
		o.Parameters = append(o.Parameters, parameter{
			Name: c.text(p, "name"), In: c.text(p, "in"), Type: c.schema(c.get(p, "schema"), maxDepth).Type,
			Description: c.text(p, "description"), Required: c.text(p, "required") == "true",
		})
	}
	c.entries(c.get(op, "responses"), func(status string, n *yaml.Node) {
		o.Answers = append(o.Answers, answer{Status: status, Description: c.text(n, "description"), Body: c.body(c.get(n, "content"))})
	})
	return o
}

// body is the first form of a content.
func (c *contract) body(content *yaml.Node) (b *body) {
	c.entries(content, func(_ string, media *yaml.Node) {
		if b != nil {
			return
		}
		b = &body{Schema: c.schema(raw(media, "schema"), 0), Example: c.example(c.get(media, "example"))}
		if b.Example == "" {
			c.entries(c.get(media, "examples"), func(_ string, e *yaml.Node) {
				if b.Example == "" {
					b.Example = c.example(c.get(e, "value"))
				}
			})
		}
	})
	return b
}

// raw is a value without following its reference.
func raw(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func (c *contract) example(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	var v any
	if n.Decode(&v) != nil {
		return ""
	}
	if s, ok := v.(string); ok {
		return s
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return ""
	}
	return string(text)
}

// maxDepth is how deep a schema's own fields are shown; named schemas are linked.
const maxDepth = 4

func (c *contract) schema(n *yaml.Node, depth int) (s schema) {
	if name := ref(n); name != "" {
		s.Ref = name[strings.LastIndexByte(name, '/')+1:]
		s.Type = s.Ref
		return s
	}
	s.Type, s.Description = c.text(n, "type"), c.text(n, "description")
	if all := c.list(n, "allOf"); len(all) > 0 {
		s.Type = "object"
		for _, part := range all {
			inner := c.schema(c.resolve(part), depth)
			s.Fields = append(s.Fields, inner.Fields...)
		}
	}
	for _, form := range []string{"oneOf", "anyOf"} {
		var forms []string
		for _, part := range c.list(n, form) {
			forms = append(forms, c.schema(part, maxDepth).Type)
		}
		if len(forms) > 0 {
			s.Type = strings.Join(forms, " or ")
		}
	}
	if s.Type == "array" {
		items := c.schema(raw(c.resolve(n), "items"), depth)
		s.Type, s.Ref, s.Fields = "list of "+items.Type, items.Ref, items.Fields
	}
	if values := c.list(n, "enum"); len(values) > 0 {
		var all []string
		for _, v := range values {
			all = append(all, v.Value)
		}
		s.Type += ": " + strings.Join(all, ", ")
	}
	if c.text(n, "nullable") == "true" {
		s.Type += " or null"
	}
	if depth < maxDepth {
		c.fields(n, depth, &s)
	}
	return s
}

func (c *contract) fields(n *yaml.Node, depth int, s *schema) {
	required := map[string]bool{}
	for _, r := range c.list(n, "required") {
		required[r.Value] = true
	}
	c.entries(c.get(n, "properties"), func(name string, p *yaml.Node) {
		s.Fields = append(s.Fields, field{Name: name, Required: required[name], schema: c.schema(p, depth+1)})
	})
}
