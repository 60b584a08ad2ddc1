package claude

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hapi/internal/agent"
)

// allowedTools are those of our own that need no permission: the others read
// files for people, or reach into other sessions.
const allowedTools = "mcp__hapi__change_title,mcp__hapi__display_image,mcp__hapi__list_peers"

// instructions tell Claude of its session's tools.
const instructions = `You run inside hapi: the person may read and answer you from another device.
Once the goal of this conversation is clear, give it a short title with mcp__hapi__change_title. Change the title again only if the main goal changes.
When the person should see a local image, show it with mcp__hapi__display_image and its absolute path; for a video (mp4, webm) use mcp__hapi__display_video, for audio and other files mcp__hapi__display_media. These show something to the person and nothing to you.
A citation such as [title](/sessions/<id>), 'See session "…" (/sessions/<id>) for context' or a bare /sessions/<id> names another session of the hub, not a file. Read it with mcp__hapi__inspect_peer, write to it with mcp__hapi__ping_peer, find others with mcp__hapi__list_peers; in a shell, "hapi inspect-peer" and "hapi ping-peer" do the same.`

// commitCredit has commits say where they come from.
const commitCredit = `When you make a git commit, end its message with these two lines, unless the person wants it otherwise:
via [HAPI](https://hapi.run)
Co-Authored-By: HAPI <noreply@hapi.run>`

// creditsCommits says whether the person leaves Claude's own credit switched on.
func creditsCommits(config string) bool {
	yes := true
	var settings struct {
		Include *bool `json:"includeCoAuthoredBy"`
	}
	if raw, err := os.ReadFile(filepath.Join(config, "settings.json")); err == nil && json.Unmarshal(raw, &settings) == nil && settings.Include != nil {
		yes = *settings.Include
	}
	return yes
}

// toolFlags are values of flags by which Claude has its session's tools. Empty
// ones are not given.
type toolFlags struct {
	prompt  string // --append-system-prompt
	allowed string // --allowedTools
	file    string // --mcp-config; only its user can read it
}

// toolArguments offer Claude the session's tools. What the person, or a message,
// adds to Claude's instructions and allows stays. rest are the person's arguments
// without what a message overrides.
func toolArguments(o agent.Options, over agent.Overrides, args []string) (flags toolFlags, rest []string, err error) {
	rest, own := takeValue(args, "--append-system-prompt")
	if over.SystemPrompt != "" {
		rest, _ = takeValue(rest, "--system-prompt")
	}
	if over.FallbackModel != "" {
		rest, _ = takeValue(rest, "--fallback-model")
	}
	prompts := []string{own, over.AppendPrompt}
	if o.Tools == nil {
		return toolFlags{prompt: joinTexts(prompts, "\n\n"), allowed: over.AllowedTools}, rest, nil
	}
	content, err := json.Marshal(map[string]any{"mcpServers": map[string]any{"hapi": map[string]any{
		"type": "http", "url": o.Tools.URL, "headers": map[string]string{"Authorization": "Bearer " + o.Tools.Token},
	}}})
	if err != nil {
		return flags, nil, fmt.Errorf("describe the session's tools: %w", err)
	}
	if flags.file, err = writeScratch(o.Scratch, fmt.Sprintf("mcp-config-%d.json", os.Getpid()), content); err != nil {
		return flags, nil, err
	}
	text := o.Instruct(instructions)
	if creditsCommits(configDir(o.Env)) {
		text += "\n" + commitCredit
	}
	flags.prompt = joinTexts(append(prompts, text), "\n\n")
	flags.allowed = joinTexts([]string{over.AllowedTools, allowedTools}, ",")
	return flags, rest, nil
}

// joinTexts joins the texts that are not empty.
func joinTexts(texts []string, between string) string {
	return strings.Join(slices.DeleteFunc(texts, func(t string) bool { return t == "" }), between)
}

// takeValue takes a flag and its value out of arguments.
func takeValue(args []string, flag string) (rest []string, value string) {
	for i := 0; i < len(args); i++ {
		name, inOne, isOne := strings.Cut(args[i], "=")
		switch {
		case name != flag:
			rest = append(rest, args[i])
		case isOne:
			value = inOne
		case i+1 < len(args):
			i++
			value = args[i]
		}
	}
	return rest, value
}
