package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"hapi/internal/media"
	"hapi/internal/peers"
)

// Call carries out a tool: its name, and its arguments after they were checked.
type Call func(ctx context.Context, tool string, arguments json.RawMessage) (*sdk.CallToolResult, error)

// tool is one of those we offer.
type tool struct {
	name, title, description string
	failed                   string // what could not be done
	input                    any    // a value of its arguments' type
	run                      func(s *Server, ctx context.Context, raw json.RawMessage) (string, error)
}

type titleInput struct {
	Title string `json:"title" jsonschema:"the new title, a few words"`
}

type mediaInput struct {
	Path  string `json:"path" jsonschema:"absolute path of the file"`
	Title string `json:"title,omitempty" jsonschema:"what it is called for people; its own name if left out"`
}

type listInput struct {
	Limit int `json:"limit,omitempty" jsonschema:"how many sessions, 1 to 100 (default 30)"`
}

type pingInput struct {
	Session string `json:"sessionIdPrefix" jsonschema:"id of the session, the beginning of it, or a citation /sessions/<id>"`
	Message string `json:"message" jsonschema:"what to say"`
}

type inspectInput struct {
	Session string `json:"sessionIdPrefix" jsonschema:"id of the session, the beginning of it, or a citation /sessions/<id>"`
	Limit   int    `json:"messageLimit,omitempty" jsonschema:"how many of the latest messages, 1 to 100 (default 30)"`
}

const (
	forPeople = " It is shown to the person, not to you: it is no way to look at a file."
	citations = " /sessions/<id> in a text is a session of the hub, not a file. Use this tool rather than calls of your own to the hub."
)

var tools = []tool{
	{"change_title", "Change the title", "Give this conversation a short title. Do it once the goal is clear, and again only when the main goal changes.", "change the chat title", titleInput{}, changeTitle},
	{"display_image", "Show an image", "Show an image (PNG, JPEG, GIF, WebP or AVIF) in the conversation." + forPeople, "display image", mediaInput{}, show(media.Image, "image")},
	{"display_video", "Show a video", "Show a video (MP4 or WebM) in the conversation." + forPeople, "display video", mediaInput{}, show(media.Video, "video")},
	{"display_media", "Show a file", "Show or offer any file, such as a recording or a document, in the conversation." + forPeople, "display media", mediaInput{}, show(media.Any, "media")},
	{"list_peers", "List sessions", "List the other sessions of this hub, the latest first." + citations, "list peers", listInput{}, listPeers},
	{"ping_peer", "Message a session", "Send a message to another session; it is resumed if it does not run." + citations, "ping peer", pingInput{}, pingPeer},
	{"inspect_peer", "Read a session", "Report on another session and the latest of what was said there." + citations, "inspect peer", inspectInput{}, inspectPeer},
}

// Names are the tools that are offered where nothing else is said.
func Names() []string {
	names := make([]string, 0, len(tools))
	for _, t := range tools {
		names = append(names, t.name)
	}
	return names
}

// Describe offers tools of ours on a server: all, or those that are named.
func Describe(server *sdk.Server, call Call, names ...string) {
	for _, t := range tools {
		if len(names) > 0 && !slices.Contains(names, t.name) {
			continue
		}
		server.AddTool(&sdk.Tool{Name: t.name, Title: t.title, Description: t.description, InputSchema: schemaOf(t.input)},
			func(ctx context.Context, r *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
				return call(ctx, t.name, r.Params.Arguments)
			})
	}
}

// Failed is the result of a tool that could not do what it is for.
func Failed(name string, err error) *sdk.CallToolResult {
	what := "call " + name
	for _, t := range tools {
		if t.name == name {
			what = t.failed
		}
	}
	return &sdk.CallToolResult{IsError: true, Content: []sdk.Content{&sdk.TextContent{Text: fmt.Sprintf("Failed to %s: %v", what, err)}}}
}

// call carries a tool out.
func (s *Server) call(ctx context.Context, name string, arguments json.RawMessage) (*sdk.CallToolResult, error) {
	i := slices.IndexFunc(tools, func(t tool) bool { return t.name == name })
	if err := check(tools[i].input, arguments); err != nil {
		return Failed(name, err), nil
	}
	text, err := tools[i].run(s, ctx, arguments)
	if err != nil {
		return Failed(name, err), nil
	}
	return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: text}}}, nil
}

func schemaOf(input any) *jsonschema.Schema {
	var schema *jsonschema.Schema
	var err error
	switch input.(type) {
	case titleInput:
		schema, err = jsonschema.For[titleInput](nil)
	case mediaInput:
		schema, err = jsonschema.For[mediaInput](nil)
		setLength(schema, "title")
	case listInput:
		schema, err = jsonschema.For[listInput](nil)
		setRange(schema, "limit")
	case pingInput:
		schema, err = jsonschema.For[pingInput](nil)
	case inspectInput:
		schema, err = jsonschema.For[inspectInput](nil)
		setRange(schema, "messageLimit")
	}
	if err != nil {
		panic(err) // a type of ours that has no schema
	}
	return schema
}

func setLength(s *jsonschema.Schema, property string) {
	least, most := 1, 255
	s.Properties[property].MinLength, s.Properties[property].MaxLength = &least, &most
}

func setRange(s *jsonschema.Schema, property string) {
	least, most := 1.0, float64(peers.MaxLimit)
	s.Properties[property].Minimum, s.Properties[property].Maximum = &least, &most
}

// check holds arguments against their schema.
func check(input any, arguments json.RawMessage) error {
	if len(arguments) == 0 || string(arguments) == "null" { // a tool may need none
		arguments = json.RawMessage("{}")
	}
	resolved, err := schemaOf(input).Resolve(nil)
	if err != nil {
		return err
	}
	var value any
	if err := json.Unmarshal(arguments, &value); err != nil {
		return err
	}
	return resolved.Validate(value)
}

func read[T any](raw json.RawMessage) (in T) {
	_ = json.Unmarshal(raw, &in) // it was checked
	return in
}

func changeTitle(s *Server, _ context.Context, raw json.RawMessage) (string, error) {
	in := read[titleInput](raw)
	if in.Title == "" {
		return "", errors.New("the title is empty")
	}
	s.o.Session.SetTitle(in.Title)
	return fmt.Sprintf("Successfully changed chat title to: %q", in.Title), nil
}

func show(kind media.Kind, noun string) func(*Server, context.Context, json.RawMessage) (string, error) {
	return func(s *Server, _ context.Context, raw json.RawMessage) (string, error) {
		in := read[mediaInput](raw)
		item, err := s.o.Media.Read(in.Path, in.Title, kind)
		if err != nil {
			return "", err
		}
		s.o.Session.ShowMedia(item, "display_"+noun)
		return fmt.Sprintf("Displayed %s: %s", noun, item.FileName), nil
	}
}

func listPeers(s *Server, ctx context.Context, raw json.RawMessage) (string, error) {
	return s.o.Peers.List(ctx, peers.Limit(read[listInput](raw).Limit), s.o.ID)
}

func pingPeer(s *Server, ctx context.Context, raw json.RawMessage) (string, error) {
	in := read[pingInput](raw)
	d, err := s.o.Peers.Ping(ctx, in.Session, in.Message, s.o.Wait, func(string) {})
	if err != nil {
		return "", err
	}
	resumed := ""
	if d.Resumed {
		resumed = " (resumed)"
	}
	return fmt.Sprintf("Delivered to %s%s (%s)", d.ID, resumed, d.Name), nil
}

func inspectPeer(s *Server, ctx context.Context, raw json.RawMessage) (string, error) {
	in := read[inspectInput](raw)
	return s.o.Peers.Inspect(ctx, in.Session, peers.Limit(in.Limit))
}
