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

	text     textMode // how its texts grow, where that is known
	compacts bool     // it takes /compact without saying so
}
