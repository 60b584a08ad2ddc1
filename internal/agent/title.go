package agent

import "regexp"

var placeholderTitle = regexp.MustCompile(`(?i)^(|untitled|new session|(new|child) session - \d{4}-\d\d-\d\d.*)$`)

// IsPlaceholderTitle says whether a title is what agents call a conversation that
// has none yet (agents-acp contract §2.7).
func IsPlaceholderTitle(title string) bool { return placeholderTitle.MatchString(title) }
