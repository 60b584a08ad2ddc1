package acp

import (
	"context"
	"encoding/json"
	"errors"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// Methods implements agent.Caller: what people can choose from, where peers ask
// for it (http contract §5.11).
func (c *conversation) Methods() map[string]agent.Method {
	if c.spec.Flavor != wire.FlavorOpencode {
		return nil
	}
	return map[string]agent.Method{wire.MethodListOpencodeModels: c.callModels, wire.MethodListOpencodeEfforts: c.callEfforts}
}

// opened is the agent's session, or why there is none.
func (c *conversation) opened() (*native, error) {
	if _, proc := c.current(); proc != nil && proc.native() != nil {
		return proc.native(), nil
	}
	return nil, errors.New(c.spec.Label + " is not running yet: it is being started, or could not be")
}

func (c *conversation) callModels(context.Context, json.RawMessage) (any, error) {
	n, err := c.opened()
	if err != nil {
		return nil, err
	}
	models, now := n.offers()
	list := make([]map[string]string, len(models))
	for i, m := range models {
		list[i] = map[string]string{"modelId": m.ID, "name": m.Name}
	}
	return map[string]any{"success": true, "availableModels": list, "currentModelId": orNil(now)}, nil
}

func (c *conversation) callEfforts(context.Context, json.RawMessage) (any, error) {
	n, err := c.opened()
	if err != nil {
		return nil, err
	}
	list := []map[string]string{}
	option, _ := n.option("thought_level")
	for _, e := range option.choices() {
		list = append(list, map[string]string{"value": e.ID, "name": e.Name})
	}
	return map[string]any{"success": true, "options": list, "currentValue": orNil(option.CurrentValue)}, nil
}
