package acp

import (
	"hapi/internal/wire"
)

// Spec is a kind of agent that speaks the protocol: how it is started, and
// where it differs from others.
type Spec struct {
	Flavor  wire.Flavor
	Label   string   // for people
	Command string   // an executable, or its name on the search path
	Args    []string // that make it speak the protocol
	Env     []string // "NAME=value", besides the session's
	Install string   // what a person does who does not have it
	Login   string   // what a person does who is not logged in

	// serves: it has an HTTP API besides, see package api.
	serves bool
	text   textMode // how its texts grow, where that is known
	// ownReads: it reads files itself. Where it reads them through us, it takes
	// one that is not there for a failure, and cannot make new ones.
	ownReads bool
}

// OpenCode is https://opencode.ai.
var OpenCode = Spec{
	Flavor: wire.FlavorOpencode, Label: "OpenCode", Command: "opencode", Args: []string{"acp"},
	Install: "Install it with `npm install -g opencode-ai`, or set HAPI_OPENCODE_PATH to its executable",
	Login:   "Run `opencode auth login` there once",
	text:    delta, serves: true,
}

// Gemini is Google's Gemini CLI.
var Gemini = Spec{
	Flavor: wire.FlavorGemini, Label: "Gemini", Command: "gemini", Args: []string{"--acp"},
	Install: "Install it with `npm install -g @google/gemini-cli`, or set HAPI_GEMINI_PATH to its executable",
	Login:   "Set GEMINI_API_KEY where hapi is started, or run `gemini` there once and log in",
	text:    delta, ownReads: true,
}
