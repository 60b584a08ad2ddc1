package codex

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// Collaboration modes.
const (
	collaborationDefault = "default"
	collaborationPlan    = "plan"
)

// policy is what Codex may do, in its own words.
type policy struct {
	approval any    // when it asks
	sandbox  string // what its commands can reach
}

// silent never asks about a command. Plain `never` would also refuse, unseen,
// what MCP servers ask a person, such as to sign in.
var silent = map[string]any{"granular": map[string]bool{
	"sandbox_approval": false, "rules": false, "skill_approval": false, "request_permissions": false, "mcp_elicitations": true,
}}

// policyOf is the policy of a permission mode. What a person typed on the
// command line counts in the default mode only.
func policyOf(mode wire.PermissionMode, own overrides) policy {
	switch mode { //nolint:exhaustive // Codex has no others
	case wire.ModeReadOnly:
		return policy{silent, "read-only"}
	case wire.ModeSafeYolo:
		return policy{"on-request", "workspace-write"}
	case wire.ModeYolo:
		return policy{silent, "danger-full-access"}
	}
	p := policy{"on-request", "workspace-write"}
	switch {
	case own.approval == "never":
		p.approval = silent
	case own.approval != "":
		p.approval = own.approval
	}
	if own.sandbox != "" {
		p.sandbox = own.sandbox
	}
	return p
}

// turnSandbox is the sandbox as turns name it.
func (p policy) turnSandbox() map[string]any {
	switch p.sandbox {
	case "read-only":
		return map[string]any{"type": "readOnly"}
	case "danger-full-access":
		return map[string]any{"type": "dangerFullAccess"}
	default:
		return map[string]any{"type": "workspaceWrite"}
	}
}

// overrides are policies typed on the command line; the last one wins.
type overrides struct{ approval, sandbox string }

func parseOverrides(args []string) overrides {
	var o overrides
	for i := 0; i < len(args); i++ {
		name, value, inOne := strings.Cut(args[i], "=")
		next := func() string {
			if !inOne && i+1 < len(args) {
				i++
				return args[i]
			}
			return value
		}
		switch name {
		case "-s", "--sandbox":
			o.sandbox = next()
		case "-a", "--ask-for-approval":
			o.approval = next()
		case "--full-auto":
			o = overrides{"on-request", "workspace-write"}
		case "--yolo", "--dangerously-bypass-approvals-and-sandbox":
			o = overrides{"never", "danger-full-access"}
		}
	}
	return o
}

// openThread resumes the conversation's thread on a process, or begins one. A
// thread that cannot be resumed is never replaced unasked.
func (c *conversation) openThread(ctx context.Context, s *server) error {
	c.mu.Lock()
	id, fork, params := c.threadID, c.fork, c.threadParams()
	c.mu.Unlock()
	method := "thread/start"
	switch {
	case id != "" && fork:
		method, params["threadId"] = "thread/fork", id
	case id != "":
		method, params["threadId"] = "thread/resume", id
	default:
		params["threadSource"] = "user"
	}
	raw, err := s.call(ctx, method, params, nil)
	if err != nil {
		return c.notOpened(ctx, s, id, err)
	}
	var r struct {
		Thread struct {
			ID string `json:"id"`
		} `json:"thread"`
		Model string `json:"model"`
	}
	if err := json.Unmarshal(raw, &r); err != nil || r.Thread.ID == "" {
		return &agent.Failure{Kind: agent.Crashed, Text: "Codex answered " + method + " without a conversation. Update Codex, then send your message again."}
	}
	c.mu.Lock()
	c.threadID, c.fork, c.open = r.Thread.ID, false, true
	asked := c.config.Model
	c.mu.Unlock()
	c.host.Resumable(r.Thread.ID)
	c.offerPast(s)
	if asked == "" && r.Model != "" {
		c.reconfigure(func(config *agent.Config) { config.Model = r.Model })
	}
	return nil
}

// threadParams open a thread for the present configuration. The caller holds mu.
func (c *conversation) threadParams() map[string]any {
	p := policyOf(c.config.PermissionMode, c.own)
	params := map[string]any{
		"cwd": c.o.Dir, "approvalPolicy": p.approval, "sandbox": p.sandbox, "developerInstructions": c.o.Instruct(instructions),
	}
	maps.Copy(params, c.preferences())
	if c.config.Model != "" {
		params["model"] = c.config.Model
	}
	overrides := map[string]any{}
	if c.config.Effort != "" {
		overrides["model_reasoning_effort"] = c.config.Effort
	}
	if c.o.Tools != nil {
		overrides["mcp_servers.hapi"] = toolConfig(c.o.Tools)
	}
	params["config"] = overrides
	return params
}

// preferences are what threads and turns say alike. The caller holds mu.
func (c *conversation) preferences() map[string]any {
	params := map[string]any{}
	if c.personality != "" {
		params["personality"] = c.personality
	}
	switch c.config.ServiceTier {
	case "fast":
		params["serviceTier"] = "priority" // Codex ignores its own word for it
	case "standard":
		params["serviceTier"] = nil
	}
	return params
}

// turnParams give a prompt to the thread.
func (c *conversation) turnParams(config agent.Config, p agent.Prompt) map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	policy := policyOf(config.PermissionMode, c.own)
	params := map[string]any{
		"threadId": c.threadID, "cwd": c.o.Dir, "input": c.input(p),
		"approvalPolicy": policy.approval, "sandboxPolicy": policy.turnSandbox(),
	}
	maps.Copy(params, c.preferences())
	if p.ID != "" {
		params["clientUserMessageId"] = p.ID
	}
	if config.Effort != "" {
		params["effort"] = config.Effort
	}
	if c.delegation != "" {
		params["multiAgentMode"] = c.delegation
	}
	switch {
	case !c.noPlanning && config.Model != "":
		params["collaborationMode"] = collaboration(config, c.o.Instruct(instructions))
	case config.Model != "":
		params["model"] = config.Model
	}
	if config.Effort != "" && params["collaborationMode"] == nil && sumsUp(config.Model) {
		params["summary"] = "detailed"
	}
	return params
}

// sumsUp says whether a model takes how its thoughts are to be summarised. Its
// provider can stand before its name.
func sumsUp(model string) bool {
	return model[strings.LastIndex(model, "/")+1:] != "gpt-5.3-codex-spark"
}

// collaboration goes with every turn: Codex keeps the last one it was told.
func collaboration(config agent.Config, told string) map[string]any {
	settings := map[string]any{"model": config.Model, "developer_instructions": told + delegationRules}
	if config.Effort != "" {
		settings["reasoning_effort"] = config.Effort
	}
	mode := collaborationDefault
	if config.CollaborationMode == collaborationPlan {
		mode, settings["developer_instructions"] = collaborationPlan, nil // Codex has its own for planning
	}
	return map[string]any{"mode": mode, "settings": settings}
}

// refusesPlanning says whether Codex refused a turn because it knows no
// collaboration modes.
func refusesPlanning(err error) bool {
	if err == nil {
		return false
	}
	text := strings.ToLower(err.Error())
	if !strings.Contains(text, "collaborationmode") && !strings.Contains(text, "collaboration_mode") {
		return false
	}
	for _, word := range []string{"experimentalapi", "unsupported", "unknown", "unexpected", "invalid field"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// mention is a file named as @"path" in a prompt.
var mention = regexp.MustCompile(`(^|\s)@"((?:[^"\\]|\\["\\])+)"`)

// input is a prompt as Codex takes it: an enabled skill at its beginning, files
// it mentions, images, and text. The caller holds mu.
func (c *conversation) input(p agent.Prompt) []map[string]any {
	var items []map[string]any
	text := p.Text
	if s, rest, ok := c.skillIn(text); ok {
		items = append(items, map[string]any{"type": "skill", "name": s.Name, "path": s.Path})
		text = rest
	}
	var refs []string
	for _, a := range p.Attachments {
		if strings.HasPrefix(a.MimeType, "image/") {
			items = append(items, map[string]any{"type": "localImage", "path": a.Path})
		} else {
			refs = append(refs, "@"+a.Path)
		}
	}
	if len(refs) > 0 {
		text = strings.TrimSpace(strings.Join(refs, " ") + "\n\n" + text)
	}
	items = append(items, textAndMentions(text)...)
	if len(items) == 0 {
		items = append(items, map[string]any{"type": "text", "text": ""})
	}
	return items
}

func textAndMentions(text string) []map[string]any {
	var items []map[string]any
	say := func(part string) {
		if strings.TrimSpace(part) != "" {
			items = append(items, map[string]any{"type": "text", "text": part})
		}
	}
	from := 0
	for _, at := range mention.FindAllStringSubmatchIndex(text, -1) {
		say(text[from:at[3]])
		path := strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(text[at[4]:at[5]])
		items = append(items, map[string]any{"type": "mention", "name": filepath.Base(path), "path": path})
		from = at[1]
	}
	say(text[from:])
	return items
}

// skillIn finds an enabled skill named at the beginning of text. The caller
// holds mu.
func (c *conversation) skillIn(text string) (s skill, rest string, ok bool) {
	name, found := strings.CutPrefix(text, "$")
	if !found {
		return skill{}, "", false
	}
	if end := strings.IndexFunc(name, unicode.IsSpace); end >= 0 {
		name, rest = name[:end], name[end:]
	}
	for _, s := range c.skills {
		if s.Enabled && s.Name == name {
			return s, strings.TrimSpace(rest), true
		}
	}
	return skill{}, "", false
}

// notOpened explains why there is no thread to work on.
func (c *conversation) notOpened(ctx context.Context, s *server, id string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var late lateError
	if errors.As(err, &late) {
		s.giveUp(late)
	}
	if s.gone() {
		return c.explainExit(s, newTurn())
	}
	if id == "" {
		return refused(err)
	}
	return &agent.Failure{Kind: agent.NotResumed, Text: fmt.Sprintf("Codex could not resume this conversation: %v.", err)}
}
