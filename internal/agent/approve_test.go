package agent

import (
	"testing"

	"hapi/internal/wire"
)

func TestWhatNeedsNoPersonFollowsTheMode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode wire.PermissionMode
		tool string
		call string
		want string // empty: a person is asked
	}{
		{wire.ModeDefault, "CodexBash", "c1", ""},
		{wire.ModeDefault, "mcp__hapi__list_peers", "c1", wire.DecisionApproved},
		{wire.ModeDefault, "hapi_skill_lookup", "c1", wire.DecisionApproved},
		{wire.ModeDefault, "mcp__hapi__change_title", "c1", wire.DecisionApproved},
		{wire.ModeDefault, "Other", "change_title-1", wire.DecisionApproved},
		{wire.ModeDefault, "mcp__hapi__ping_peer", "c1", ""},
		{wire.ModeReadOnly, "CodexBash", "c1", wire.DecisionApproved},
		{wire.ModeReadOnly, "CodexPatch", "c1", ""},
		{wire.ModeReadOnly, "fs-edit", "c1", ""},
		{wire.ModeReadOnly, "Inspect Peer", "c1", ""},
		{wire.ModeSafeYolo, "CodexPatch", "c1", wire.DecisionApproved},
		{wire.ModeYolo, "CodexPatch", "c1", wire.DecisionApprovedForSession},
		{wire.ModeYolo, "change_title", "c1", wire.DecisionApprovedForSession},
		{wire.ModeAlwaysProceed, "anything", "c1", wire.DecisionApprovedForSession},
		{"unknown", "anything", "c1", ""},
	} {
		got, ok := AutoApprove(c.mode, c.tool, c.call)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s in mode %s is %q, want %q", c.tool, c.mode, got, c.want)
		}
	}
}
