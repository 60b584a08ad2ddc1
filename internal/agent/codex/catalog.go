package codex

// skill is a skill that Codex knows in the directory.
type skill struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Path        string `json:"path"`
	Enabled     bool   `json:"enabled"`
}

func (c *conversation) forgetSkills() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skills = nil
}
