package acp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	sdk "github.com/coder/acp-go-sdk"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// greet makes a process ready for prompts: it introduces us and opens the
// agent's session, the earlier one if there is one.
func (c *conversation) greet(ctx context.Context, p *process) error {
	raw, err := c.insist(ctx, p, sdk.AgentMethodInitialize, map[string]any{
		"protocolVersion": sdk.ProtocolVersionNumber,
		"clientCapabilities": map[string]any{
			"fs": map[string]bool{"readTextFile": !c.spec.ownReads, "writeTextFile": true}, "terminal": true,
			"_meta": map[string]bool{"parameterizedModelPicker": true},
		},
		"clientInfo": map[string]string{"name": "hapi", "version": "1"},
	})
	if err != nil {
		return err
	}
	answer, err := read[struct {
		Version      *int `json:"protocolVersion"`
		Capabilities struct {
			Load bool `json:"loadSession"`
			MCP  struct {
				HTTP bool `json:"http"`
			} `json:"mcpCapabilities"`
			Session struct {
				List json.RawMessage `json:"list"`
			} `json:"sessionCapabilities"`
		} `json:"agentCapabilities"`
		Commands []command `json:"availableCommands"`
	}](raw)
	if err != nil || answer.Version == nil {
		return errors.New("it does not say which version of the protocol it speaks")
	}
	p.lists = holdsSomething(answer.Capabilities.Session.List)
	c.offer(answer.Commands)
	n, err := c.openSession(ctx, p, answer.Capabilities.Load, c.toolServers(answer.Capabilities.MCP.HTTP))
	if err != nil {
		return err
	}
	p.setNative(n)
	c.mu.Lock()
	c.nativeID = n.id
	c.mu.Unlock()
	c.handling.Lock()
	c.convert.model = n.model
	c.handling.Unlock()
	c.host.Resumable(n.id)
	return nil
}

// insist asks again when the agent fails within itself: it may not be ready yet.
func (c *conversation) insist(ctx context.Context, p *process, method string, params any) (raw json.RawMessage, err error) {
	for try := 1; ; try++ {
		raw, err = p.call(ctx, method, params)
		var e *sdk.RequestError
		if try == askAtMost || !errors.As(err, &e) || e.Code != codeInternal || wantsLogin(err) || p.gone() {
			return raw, err
		}
		select {
		case <-time.After(time.Duration(try) * c.pause):
		case <-p.exited:
		case <-ctx.Done():
			return nil, err
		}
	}
}

// toolServers are the session's own tools: by HTTP where the agent can, else by
// the bridge that it starts, which is told where they are by its environment.
func (c *conversation) toolServers(http bool) []any {
	tools := c.o.Tools
	switch {
	case tools == nil:
		return []any{}
	case http:
		header := map[string]string{"name": "Authorization", "value": "Bearer " + tools.Token}
		return []any{map[string]any{"type": "http", "name": "hapi", "url": tools.URL, "headers": []any{header}}}
	}
	exe, err := os.Executable()
	if err != nil {
		c.log.Warn("the agent has no tools of the session: this program was not found", "err", err)
		return []any{}
	}
	env := []any{
		map[string]string{"name": agent.ToolsURLVariable, "value": tools.URL}, map[string]string{"name": agent.ToolsTokenVariable, "value": tools.Token},
	}
	return []any{map[string]any{"name": "hapi", "command": exe, "args": []string{"mcp"}, "env": env}}
}

// openSession loads the earlier session, or makes a new one if there is none.
func (c *conversation) openSession(ctx context.Context, p *process, loads bool, servers []any) (*native, error) {
	c.mu.Lock()
	earlier := c.nativeID
	c.mu.Unlock()
	params := map[string]any{"cwd": c.o.Dir, "mcpServers": servers}
	if earlier != "" && loads {
		load := map[string]any{"sessionId": earlier, "cwd": c.o.Dir, "mcpServers": servers}
		raw, err := p.call(ctx, sdk.AgentMethodSessionLoad, load)
		if err == nil {
			n, err := readSession(raw)
			if err != nil {
				return nil, err
			}
			n.id, n.resumed = firstOf(n.id, earlier), true
			return n, nil
		}
		if p.gone() || ctx.Err() != nil || wantsLogin(err) {
			return nil, err
		}
		return nil, &agent.Failure{Kind: agent.NotResumed, Text: fmt.Sprintf("%s cannot open the earlier conversation: %v.", c.spec.Label, plain(err))}
	}
	if earlier != "" {
		c.notice(c.spec.Label + " cannot open earlier conversations. It begins a new one.")
	}
	raw, err := c.insist(ctx, p, sdk.AgentMethodSessionNew, params)
	if err != nil {
		return nil, err
	}
	n, err := readSession(raw)
	if err == nil && n.id == "" {
		err = errors.New("it did not name its session")
	}
	return n, err
}

// offer tells people which commands the agent has.
func (c *conversation) offer(commands []command) {
	var names []string
	for _, cmd := range commands {
		if cmd.Name != "" {
			names = append(names, cmd.Name)
		}
	}
	if len(names) == 0 {
		return
	}
	c.mu.Lock()
	c.commands = names
	c.mu.Unlock()
	c.host.Catalog(agent.Catalog{SlashCommands: names})
}

// serve answers a request of the agent, or takes a notification.
func (c *conversation) serve(ctx context.Context, p *process, method string, params json.RawMessage) (any, *sdk.RequestError) {
	switch method {
	case sdk.ClientMethodSessionUpdate:
		c.update(p, params)
		return nil, nil
	case sdk.ClientMethodSessionRequestPermission:
		return c.permission(ctx, p, params)
	case sdk.ClientMethodFsReadTextFile:
		return p.files.read(params)
	case sdk.ClientMethodFsWriteTextFile:
		if c.mode() == wire.ModePlan {
			return nil, refusal(errPlan)
		}
		return p.files.write(params)
	case sdk.ClientMethodTerminalCreate:
		if c.mode() == wire.ModePlan {
			return nil, refusal(errPlan)
		}
		return p.shells.create(params)
	case sdk.ClientMethodTerminalOutput:
		return p.shells.show(params)
	case sdk.ClientMethodTerminalWaitForExit:
		return p.shells.wait(ctx, params)
	case sdk.ClientMethodTerminalKill:
		return p.shells.kill(params)
	case sdk.ClientMethodTerminalRelease:
		c.keepOutput(params)
		return p.shells.release(params)
	}
	return nil, &sdk.RequestError{Code: codeNoMethod, Message: "Method not found: " + method}
}

// keepOutput keeps what a command said for the tool call that shows it.
func (c *conversation) keepOutput(params json.RawMessage) {
	in, err := read[struct {
		TerminalID string `json:"terminalId"`
	}](params)
	if err != nil {
		return
	}
	text := c.shellText(in.TerminalID)
	c.handling.Lock()
	defer c.handling.Unlock()
	c.convert.keep(in.TerminalID, text)
}

// update takes what the agent says of its work. It runs for one update at a
// time, in their order.
func (c *conversation) update(p *process, params json.RawMessage) {
	in, err := read[struct {
		SessionID string `json:"sessionId"`
		Update    update `json:"update"`
	}](params)
	n := p.native()
	if err != nil || n != nil && in.SessionID != n.id {
		return
	}
	u := &in.Update
	switch u.Kind {
	case "available_commands_update":
		c.offer(u.AvailableCommands)
	case "current_mode_update":
		c.modeMoved(n, firstOf(u.CurrentModeID, u.ModeID))
	case "config_option_update":
		var options []configOption
		if n != nil && lenient(json.Unmarshal(u.ConfigOptions, &options)) == nil {
			c.optionsMoved(n, options)
		}
	case "session_info_update":
		if u.Title != nil {
			c.titled(*u.Title)
		}
	}
	c.handling.Lock()
	defer c.handling.Unlock()
	c.heard = time.Now()
	if n == nil || c.muted || n.replays() { // what is replayed has been said long ago
		return
	}
	switch {
	case u.isWork():
		c.convert.take(u)
		c.shown()
	case u.Kind == "usage_update", u.Kind == "session_info_update":
		c.convert.context(firstNumber(u.Used, u.ContextTokens), firstNumber(u.Size, u.ContextWindow))
	}
}

func firstNumber(list ...*int64) *int64 { return (*usage)(nil).number(list...) }

// silence is after how long without an update what was said so far is shown.
const silence = 250 * time.Millisecond

// shown notes that the agent works. In a turn its text may go on after a
// silence; between turns nothing else ends it. The caller holds handling.
func (c *conversation) shown() {
	if t, _ := c.current(); t != nil {
		t.work()
	}
	if c.late != nil {
		c.late.Reset(silence)
		return
	}
	c.late = time.AfterFunc(silence, func() {
		c.handling.Lock()
		defer c.handling.Unlock()
		if t, _ := c.current(); t != nil {
			c.convert.show()
			return
		}
		c.convert.flush()
	})
}

// quiet times of a replay, which an agent may go on with after it answered.
const (
	replayQuiet = 200 * time.Millisecond
	replayMost  = 1200 * time.Millisecond
)

// endReplay waits until a loaded session is silent; what follows is new.
func (c *conversation) endReplay(ctx context.Context, p *process) {
	n := p.native()
	if !n.replays() {
		return
	}
	began := time.Now()
	tick := time.NewTicker(replayQuiet / 4)
	defer tick.Stop()
	for {
		c.handling.Lock()
		heard := c.heard
		c.handling.Unlock()
		if time.Since(heard) >= replayQuiet || time.Since(began) >= replayMost {
			n.endReplay()
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// modeMoved follows the agent when it changes its mode itself: a plan that was
// approved ends our plan mode too.
func (c *conversation) modeMoved(n *native, id string) {
	if n == nil || id == "" {
		return
	}
	plan := n.moved(id)
	c.mu.Lock()
	from := c.config.PermissionMode
	to := from
	switch {
	case plan && c.spec.Flavor.Allows(wire.ModePlan):
		to = wire.ModePlan
	case !plan && from == wire.ModePlan:
		to = wire.ModeDefault
	}
	c.config.PermissionMode = to
	c.mu.Unlock()
	if to != from {
		c.host.ModeChanged(to)
	}
}

// titled passes the agent's own title on.
func (c *conversation) titled(title string) (good bool) {
	title = strings.Join(strings.Fields(title), " ")
	if agent.IsPlaceholderTitle(title) {
		return false
	}
	c.mu.Lock()
	same := c.title == title
	c.title = title
	c.mu.Unlock()
	if !same {
		c.host.Titled(title)
	}
	return true
}

// titlePauses are between the questions for a title; agents make it while or
// after they work.
var titlePauses = []time.Duration{0, time.Second, 2 * time.Second}

// followTitle asks an agent that lists its sessions for the title.
func (c *conversation) followTitle(p *process) {
	if !p.lists {
		return
	}
	c.running.Go(func() {
		for _, pause := range titlePauses {
			select {
			case <-time.After(pause):
			case <-p.done:
				return
			case <-c.ctx.Done():
				return
			}
			if c.askTitle(p) {
				return
			}
		}
	})
}

const titleWithin = 5 * time.Second

func (c *conversation) askTitle(p *process) bool {
	ctx, cancel := context.WithTimeout(c.ctx, titleWithin)
	defer cancel()
	raw, err := p.call(ctx, sdk.AgentMethodSessionList, map[string]any{"cwd": c.o.Dir})
	if err != nil {
		return false
	}
	answer, err := read[struct{ Sessions []listed }](raw)
	if err != nil {
		return false
	}
	i := slices.IndexFunc(answer.Sessions, func(s listed) bool { return s.SessionID == p.native().id })
	return i >= 0 && c.titled(answer.Sessions[i].Title)
}

type listed struct {
	SessionID string `json:"sessionId"`
	Title     string `json:"title"`
}
