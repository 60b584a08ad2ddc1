package session

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"hapi/internal/agent"
	"hapi/internal/media"
	"hapi/internal/session/mcp"
)

// pingWait is how long an agent's message may wait for a session to be resumed.
const pingWait = time.Minute

// offerTools starts the session's tools for its agent.
func (s *Session) offerTools(o *Options) error {
	if o.Peers == nil {
		return nil
	}
	server, err := mcp.Start(s.ctx, mcp.Options{Session: toolset{s}, ID: s.row.ID, Media: s.media, Peers: o.Peers, Wait: pingWait, Logger: s.log})
	if err != nil {
		return fmt.Errorf("offer the session's tools: %w", err)
	}
	s.tools = server
	s.open.Tools = server.Tools()
	s.open.Env = append(slices.Clip(s.open.Env), agent.ToolsURLVariable+"="+s.open.Tools.URL, agent.ToolsTokenVariable+"="+s.open.Tools.Token)
	return nil
}

// toolset is the session as its tools see it.
type toolset struct{ s *Session }

// SetTitle implements mcp.Session.
func (t toolset) SetTitle(title string) { t.s.retitle(title) }

// ShowMedia implements mcp.Session.
func (t toolset) ShowMedia(i *media.Item, tool string) { t.s.showMedia(i, "mcp", tool) }

// showMedia shows people what the session keeps; ingress says which way it came.
func (s *Session) showMedia(i *media.Item, ingress, tool string) {
	source := map[string]string{"ingress": ingress, "flavor": string(s.flavor)}
	if tool != "" {
		source["toolName"] = tool
	}
	s.stored.need()
	s.say(agent.Generic(map[string]any{
		"type": "generated-image", "imageId": i.ID, "fileName": i.FileName, "mimeType": i.MIMEType, "id": uuid.NewString(), "source": source,
	}))
}

// Show implements agent.Shower.
func (h host) Show(path, tool string) error {
	i, err := h.s.media.Read(path, "", media.Image)
	if err != nil {
		return err
	}
	h.s.showMedia(i, "tool_result", tool)
	return nil
}

// ShowContent implements agent.Gallery.
func (h host) ShowContent(content []byte) error {
	i, err := h.s.media.Add(content)
	if err != nil {
		return err
	}
	h.s.showMedia(i, "acp", "")
	return nil
}

// callReadImage gives what a tool has shown.
func (s *Session) callReadImage(_ context.Context, params json.RawMessage) (any, error) {
	var in struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(params, &in) // without an id there is no image
	i := s.media.Get(in.ID)
	if i == nil {
		return map[string]any{"success": false, "error": "Generated image not found"}, nil
	}
	return map[string]any{
		"success": true, "content": base64.StdEncoding.EncodeToString(i.Content), "mimeType": i.MIMEType, "fileName": i.FileName,
	}, nil
}
