package wire

// Names of the session-scoped RPC methods about files, git and catalogues
// (socket contract §10.3).
const (
	MethodReadFile          = "readFile"
	MethodListDirectory     = "listDirectory"
	MethodStatFiles         = "statFiles"
	MethodRipgrep           = "ripgrep"
	MethodGitStatus         = "git-status"
	MethodGitDiffNumstat    = "git-diff-numstat"
	MethodGitDiffFile       = "git-diff-file"
	MethodListSlashCommands = "listSlashCommands"
	MethodListSkills        = "listSkills"

	MethodReadGeneratedImage = "readGeneratedImage"
)

// PathParams are the parameters of readFile and listDirectory.
type PathParams struct {
	Path string `json:"path"`
}

// FileContent answers readFile; Content is base64.
type FileContent struct {
	Success  bool   `json:"success"`
	Content  string `json:"content"`
	Size     int64  `json:"size"`
	Modified Millis `json:"modified"`
}

// Kinds of directory entries.
const (
	EntryFile      = "file"
	EntryDirectory = "directory"
	EntryOther     = "other" // symbolic links too: they are not followed
)

// DirectoryEntry is one name in a directory. Others than files and directories
// have neither size nor time. IsGitRepo is said by runners only.
type DirectoryEntry struct {
	Name      string  `json:"name"`
	Type      string  `json:"type"`
	Size      *int64  `json:"size,omitempty"`
	Modified  *Millis `json:"modified,omitempty"`
	IsGitRepo *bool   `json:"isGitRepo,omitempty"`
}

// Directory answers listDirectory and the runner's list-directory. Truncated is
// ours: there are more entries than these.
type Directory struct {
	Success   bool             `json:"success"`
	Entries   []DirectoryEntry `json:"entries"`
	Truncated bool             `json:"truncated,omitempty"`
}

// StatParams are the parameters of statFiles.
type StatParams struct {
	Paths []string `json:"paths"`
}

// FileStat is what is known of a file; of one that cannot be read, its path only.
type FileStat struct {
	Path     string  `json:"path"`
	Size     *int64  `json:"size,omitempty"`
	Modified *Millis `json:"modified,omitempty"`
}

// FileStats answers statFiles.
type FileStats struct {
	Success bool       `json:"success"`
	Entries []FileStat `json:"entries"`
}

// RipgrepParams are the parameters of ripgrep. FileSearch keeps at most Limit
// of the lines that match Query.
type RipgrepParams struct {
	Args       []string    `json:"args"`
	CWD        string      `json:"cwd,omitempty"`
	FileSearch *FileSearch `json:"fileSearch,omitempty"`
}

// FileSearch looks for files whose path has Query in it; with * or ? in it,
// whose path matches it.
type FileSearch struct {
	Query string `json:"query"`
	Limit int    `json:"limit"`
}

// GitParams are the parameters of the git methods. Timeout is in ms.
type GitParams struct {
	CWD      string  `json:"cwd,omitempty"`
	FilePath string  `json:"filePath,omitempty"`
	Staged   bool    `json:"staged,omitempty"`
	Timeout  float64 `json:"timeout,omitempty"`
}

// CommandResult is the outcome of a command. Truncated is ours: its output went
// on after these whole lines.
type CommandResult struct {
	Success   bool   `json:"success"`
	Stdout    string `json:"stdout"`
	Stderr    string `json:"stderr"`
	ExitCode  int    `json:"exitCode"`
	Error     string `json:"error,omitempty"`
	Truncated bool   `json:"truncated,omitempty"`
}

// Failed is how file and command methods say that they failed.
type Failed struct {
	Success bool   `json:"success"` // false
	Error   string `json:"error"`
}

// SlashCommandsParams are the parameters of listSlashCommands.
type SlashCommandsParams struct {
	Agent Flavor `json:"agent"`
}

// SlashCommand is a command that a person can type in a prompt.
type SlashCommand struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Source      string `json:"source"` // builtin, user, plugin or project
	Content     string `json:"content,omitempty"`
	PluginName  string `json:"pluginName,omitempty"`
}

// SlashCommands answers listSlashCommands.
type SlashCommands struct {
	Success  bool           `json:"success"`
	Commands []SlashCommand `json:"commands"`
}

// SkillsParams are the parameters of listSkills.
type SkillsParams struct {
	Flavor Flavor `json:"flavor,omitempty"`
}

// Skill is a skill that the agent can use.
type Skill struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// Skills answers listSkills.
type Skills struct {
	Success bool    `json:"success"`
	Skills  []Skill `json:"skills"`
}
