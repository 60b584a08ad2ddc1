package codex

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"hapi/internal/agent"
)

// instructions are what Codex is told about where it works.
const instructions = `The person you work for may be away from this machine: they follow the conversation in a web app or on a phone, through hapi.
When the first request is clear, give the conversation a short title once with functions.hapi__change_title (it may be listed as hapi__change_title, mcp__hapi__change_title or hapi_change_title). Give another title only when the goal changes.
When the person should see a local image, show it with hapi__display_image and its absolute path; a video with hapi__display_video, any other file with hapi__display_media. These show something to the person and nothing to you.
A citation of the form /sessions/<id> names another session of the hub, not a file. Read it with hapi__inspect_peer, write to it with hapi__ping_peer, find others with hapi__list_peers.`

// delegationRules go along where Codex works as usual.
const delegationRules = "\nWhen you spawn sub-agents with the full history, do not set an agent type, model or effort for them: they inherit yours."

// approvalModes say which of the session's tools Codex asks for. Others are as
// it is configured.
var approvalModes = map[string]string{
	"change_title": "approve", "list_peers": "approve",
	"display_image": "prompt", "display_video": "prompt", "display_media": "prompt", // they read files of the machine
}

// toolConfig offers Codex the session's tools. The token is in its environment.
func toolConfig(t *agent.ToolServer) map[string]any {
	tools := map[string]any{}
	for name, mode := range approvalModes {
		tools[name] = map[string]any{"approval_mode": mode}
	}
	return map[string]any{"url": t.URL, "bearer_token_env_var": agent.ToolsTokenVariable, "tools": tools}
}

// toolArguments offer them at the terminal.
func toolArguments(o *agent.Options) []string {
	t := o.Tools
	if t == nil {
		return nil
	}
	args := []string{
		"-c", "mcp_servers.hapi.url=" + toml(t.URL),
		"-c", "mcp_servers.hapi.bearer_token_env_var=" + toml(agent.ToolsTokenVariable),
		"-c", "developer_instructions=" + toml(o.Instruct(instructions)),
	}
	var tools []string
	for _, name := range slices.Sorted(maps.Keys(approvalModes)) {
		tools = append(tools, fmt.Sprintf("%s = { approval_mode = %s }", name, toml(approvalModes[name])))
	}
	return append(args, "-c", "mcp_servers.hapi.tools={ "+strings.Join(tools, ", ")+" }")
}
