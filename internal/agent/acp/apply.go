package acp

import (
	"context"
	"errors"
	"fmt"
	"slices"

	sdk "github.com/coder/acp-go-sdk"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// A change of the configuration is asked for, applied between prompts, and holds
// once the agent confirmed it. conversation.config is what is asked for,
// native.holds what holds; only the latter is told.

// Configure implements agent.Conversation.
func (c *conversation) Configure(ctx context.Context, config agent.Config) error {
	return c.Change(ctx, func(now *agent.Config) { *now = config })
}

// Change implements agent.Confirmer. What the agent cannot change in a turn waits
// for its end; the permission mode is ours, and changes at once.
func (c *conversation) Change(_ context.Context, change func(*agent.Config)) error {
	c.mu.Lock()
	change(&c.config)
	c.mu.Unlock()
	if c.waitsForPrompt() {
		return nil
	}
	c.applying.Lock()
	defer c.applying.Unlock()
	if c.waitsForPrompt() { // one began meanwhile
		return nil
	}
	proc := c.atWork()
	if proc == nil {
		return nil // the agent begins with it
	}
	return c.apply(c.ctx, proc) // who gave up waiting does not leave it half done
}

// atWork is the process that has a session now, or nil.
func (c *conversation) atWork() *process {
	_, proc := c.current()
	if proc == nil || proc.gone() || proc.native() == nil {
		return nil
	}
	return proc
}

// waitsForPrompt says whether a turn runs, and tells a person what waits for its
// end.
func (c *conversation) waitsForPrompt() bool {
	t, _ := c.current()
	if t == nil {
		return false
	}
	proc := c.atWork()
	if proc == nil {
		return true
	}
	want, holds := c.wanted(), proc.native().confirmed()
	if want.Model != holds.Model {
		c.notice(fmt.Sprintf("%s takes %s when this turn has ended.", c.spec.Label, named("the model", want.Model)))
	}
	if want.Effort != holds.Effort {
		c.notice(fmt.Sprintf("%s takes %s when this turn has ended.", c.spec.Label, named("the effort", want.Effort)))
	}
	return true
}

// applyWhatWaited applies what was asked for in a turn that has ended.
func (c *conversation) applyWhatWaited(ctx context.Context) {
	proc := c.atWork()
	if proc == nil || ctx.Err() != nil || c.wanted() == proc.native().confirmed() {
		return
	}
	c.running.Go(func() { c.applyBeforePrompt(c.ctx, proc) })
}

func named(what, value string) string {
	if value == "" {
		return what + " it began with"
	}
	return fmt.Sprintf("%s %q", what, value)
}

func (c *conversation) wanted() agent.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.config
}

// Holds implements agent.Confirmer. Before there is an agent, what it is to begin
// with holds.
func (c *conversation) Holds() agent.Config {
	config := c.wanted()
	if proc := c.atWork(); proc != nil {
		holds := proc.native().confirmed()
		config.Model, config.Effort = holds.Model, holds.Effort
	}
	return config
}

// applyBeforePrompt applies the configuration; what the agent does not take is
// told, and given up.
func (c *conversation) applyBeforePrompt(ctx context.Context, p *process) {
	c.applying.Lock()
	defer c.applying.Unlock()
	before := p.native().confirmed()
	err := c.apply(ctx, p)
	if ctx.Err() != nil {
		return
	}
	if holds := p.native().confirmed(); err != nil || holds.Model != before.Model || holds.Effort != before.Effort {
		c.host.Configured(func(config *agent.Config) { config.Model, config.Effort = holds.Model, holds.Effort })
	}
	if err != nil {
		c.notice(err.Error() + ".")
	}
}

// apply makes the agent's session run by what is asked for. What it does not take
// is not asked for any more, and the error says so. The caller holds applying.
func (c *conversation) apply(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	want, n := c.wanted(), p.native()
	var refused []error
	if n.confirmed().Model != want.Model {
		if err := c.applyModel(ctx, p, want.Model); err != nil {
			refused = append(refused, fmt.Errorf("%s did not take %s: %w", c.spec.Label, named("the model", want.Model), err))
		}
		c.handling.Lock()
		c.convert.model = n.present()
		c.handling.Unlock()
	}
	if n.lacksEffort(want.Effort) { // a model may have brought another one along
		if err := c.applyEffort(ctx, p, want.Effort); err != nil {
			refused = append(refused, fmt.Errorf("%s did not take %s: %w", c.spec.Label, named("the effort", want.Effort), err))
		}
	}
	if n.confirmed().PermissionMode != want.PermissionMode {
		err := c.applyMode(ctx, p, want.PermissionMode)
		n.confirm(func(holds *agent.Config) { holds.PermissionMode = want.PermissionMode })
		if err != nil && ctx.Err() == nil && !p.gone() {
			c.notice(fmt.Sprintf("%s did not change its own mode: %v. What it asks for is decided by mode %q all the same.", c.spec.Label, err, want.PermissionMode))
		}
	}
	if len(refused) == 0 || p.gone() { // an agent that ended refused nothing: the next one is asked
		return nil
	}
	holds := n.confirmed()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.config.Model == want.Model { // nothing else was asked for meanwhile
		c.config.Model = holds.Model
	}
	if c.config.Effort == want.Effort {
		c.config.Effort = holds.Effort
	}
	return errors.Join(refused...)
}

var (
	errNoModels  = errors.New("its model cannot be changed from here")
	errNoEfforts = errors.New("its reasoning effort cannot be changed from here")
	errNotOne    = errors.New("it does not offer that")
)

// keeps says that an agent answered well and yet has another value.
func keeps(value string) error { return fmt.Errorf("it goes on with %q", value) }

func (n *native) confirmed() agent.Config {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.holds
}

func (n *native) confirm(what func(holds *agent.Config)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	what(&n.holds)
}

// present is the model the agent has.
func (n *native) present() string {
	_, model := n.offers()
	return model
}

// lacksEffort says whether an effort has to be asked for. None is the one the
// agent has anyway, unless another was asked for before.
func (n *native) lacksEffort(effort string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	option, ok := n.find("thought_level")
	switch {
	case n.holds.Effort != effort:
		return true
	case effort == "":
		return n.asked && ok && option.CurrentValue != n.usual
	}
	return !ok || option.CurrentValue != effort
}

// applyModel asks for a model; none is the one the agent began with.
func (c *conversation) applyModel(ctx context.Context, p *process, wanted string) error {
	n := p.native()
	n.mu.Lock()
	model := firstOf(wanted, n.launch)
	option, byOption := n.find("model")
	before, none := n.model, n.noModel || !byOption && len(n.models) == 0
	n.mu.Unlock()
	switch {
	case model == "" || model == before:
	case none:
		return errNoModels
	case byOption:
		if err := c.setOption(ctx, p, option.ID, model); err != nil {
			return err
		}
	default:
		if err := c.setModel(ctx, p, model); err != nil {
			return err
		}
	}
	now := n.present()
	if now == before && now != model && model != "" {
		return keeps(now)
	}
	if wanted != "" {
		wanted = now // an agent may have a longer name for it
	}
	n.confirm(func(holds *agent.Config) { holds.Model = wanted })
	c.mu.Lock()
	if wanted != "" && c.config.Model == model {
		c.config.Model = wanted
	}
	c.mu.Unlock()
	return nil
}

func (c *conversation) setModel(ctx context.Context, p *process, model string) error {
	n := p.native()
	_, err := p.call(ctx, sdk.AgentMethodSessionSetModel, map[string]any{"sessionId": n.id, "modelId": model})
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case noMethod(err):
		n.noModel = true
		return errNoModels
	case err != nil:
		return plain(err)
	}
	n.model = model
	return nil
}

// applyEffort asks for an effort; none is the one the agent began with, where the
// present model has it.
func (c *conversation) applyEffort(ctx context.Context, p *process, wanted string) error {
	n := p.native()
	option, ok := n.option("thought_level")
	effort := firstOf(wanted, n.usual)
	offered := slices.ContainsFunc(option.choices(), func(e choice) bool { return e.ID == effort })
	var err error
	switch {
	case wanted == "" && !offered || ok && effort == option.CurrentValue:
	case !ok:
		err = errNoEfforts
	case !offered:
		err = errNotOne
	default:
		err = c.setOption(ctx, p, option.ID, effort)
		n.confirm(func(*agent.Config) { n.asked = true })
		if now, _ := n.option("thought_level"); err == nil && now.CurrentValue != effort {
			err = keeps(now.CurrentValue)
		}
	}
	n.confirm(func(holds *agent.Config) {
		now, _ := n.find("thought_level")
		switch {
		case err == nil:
			holds.Effort = wanted
		case holds.Effort != now.CurrentValue: // it went with its model
			holds.Effort = ""
		}
	})
	return err
}

// applyMode tells the agent to plan, or not to; the other modes are ours.
func (c *conversation) applyMode(ctx context.Context, p *process, mode wire.PermissionMode) error {
	n := p.native()
	want, change := n.modeFor(mode)
	if !change {
		return nil
	}
	if option, ok := n.option("mode"); ok && !n.setMode {
		return c.setOption(ctx, p, option.ID, want)
	}
	_, err := p.call(ctx, sdk.AgentMethodSessionSetMode, map[string]any{"sessionId": n.id, "modeId": want})
	if option, ok := n.option("mode"); ok && noMethod(err) {
		return c.setOption(ctx, p, option.ID, want)
	}
	if err != nil {
		return plain(err)
	}
	n.moved(want)
	return nil
}

// optionsMoved follows the agent when it changes its settings itself.
func (c *conversation) optionsMoved(n *native, options []configOption) {
	itself := c.applying.TryLock() // else it may be what we are asking for
	if itself {
		defer c.applying.Unlock()
	}
	n.mu.Lock()
	model, mode, held := n.model, n.mode, n.holds
	n.mu.Unlock()
	n.take(options)
	n.mu.Lock()
	if itself && n.model != model && n.model != firstOf(n.holds.Model, n.launch) {
		n.holds.Model = n.model
	}
	if effort, ok := n.find("thought_level"); itself && ok && n.holds.Effort != "" {
		n.holds.Effort = effort.CurrentValue
	}
	holds, moved := n.holds, n.mode
	n.mu.Unlock()
	if moved != mode {
		c.modeMoved(n, moved)
	}
	if !itself || holds == held {
		return
	}
	c.mu.Lock()
	if c.config.Model == held.Model { // what is asked for still counts
		c.config.Model = holds.Model
	}
	if c.config.Effort == held.Effort {
		c.config.Effort = holds.Effort
	}
	c.mu.Unlock()
	c.host.Configured(func(config *agent.Config) { config.Model, config.Effort = holds.Model, holds.Effort })
}
