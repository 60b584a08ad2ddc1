package main

import (
	"fmt"
	"strings"
)

// option splits the word at *i into its name and what gives its value: what
// follows "=", else the next word, which it then takes along. ofItself says that
// the word has a "=".
func option(args []string, i *int) (name string, ofItself bool, value func() (string, error)) {
	name, inOne, ofItself := strings.Cut(args[*i], "=")
	return name, ofItself, func() (string, error) {
		if ofItself && inOne != "" {
			return inOne, nil
		}
		if next := *i + 1; !ofItself && next < len(args) && args[next] != "" && !strings.HasPrefix(args[next], "-") {
			*i = next
			return args[next], nil
		}
		return "", fmt.Errorf("Missing %s value", name)
	}
}
