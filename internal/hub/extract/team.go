package extract

import (
	"encoding/json"
	"slices"

	"github.com/tidwall/gjson"

	"hapi/internal/wire"
)

// Team is what an agent's team is doing, as peers see it (http contract §7.5).
type Team struct {
	Name        string        `json:"teamName"`
	Description string        `json:"description,omitempty"`
	Members     []TeamMember  `json:"members"`
	Tasks       []TeamTask    `json:"tasks"`
	Messages    []TeamMessage `json:"messages"`
	UpdatedAt   wire.Millis   `json:"updatedAt,omitempty"`
}

// TeamMember is an agent of the team.
type TeamMember struct {
	Name      string `json:"name"`
	AgentType string `json:"agentType,omitempty"`
	Status    string `json:"status,omitempty"` // active, idle, shutdown
}

// TeamTask is a task of the team.
type TeamTask struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Status      string `json:"status,omitempty"` // pending, in_progress, completed, blocked
	Owner       string `json:"owner,omitempty"`
}

// TeamMessage is what one member told another.
type TeamMessage struct {
	From      string      `json:"from"`
	To        string      `json:"to"`
	Summary   string      `json:"summary"`
	Type      string      `json:"type"`
	Timestamp wire.Millis `json:"timestamp"`
}

// lastMessages is how many messages of a team are kept.
const lastMessages = 50

// TeamStep is one tool call about the team. Exactly one field is set.
type TeamStep struct {
	Create  *Team
	Delete  bool
	Member  *TeamMember
	Task    *TeamTask // fields that are empty stay as they are
	Message *TeamMessage
}

func (f *Findings) teamCall(name string, input gjson.Result) {
	text := func(keys ...string) string { return firstOf(input, keys...).String() }
	add := func(s TeamStep) { f.Team = append(f.Team, s) }
	switch name {
	case "TeamCreate":
		if team := text("team_name"); team != "" {
			add(TeamStep{Create: &Team{Name: team, Description: text("description")}})
		}
	case "TeamDelete":
		add(TeamStep{Delete: true})
	case "Task":
		member := text("name")
		if text("team_name") == "" || member == "" {
			return
		}
		title := text("description")
		if title == "" {
			title = member
		}
		add(TeamStep{Member: &TeamMember{Name: member, AgentType: text("subagent_type"), Status: "active"}})
		add(TeamStep{Task: &TeamTask{ID: "agent:" + member, Title: title, Status: inProgress, Owner: member}})
	case "TaskCreate", "TaskUpdate":
		f.teamTask(name, input)
	case "SendMessage":
		f.teamMessage(text("type"), text("recipient"), text("summary"))
	}
}

func (f *Findings) teamTask(name string, input gjson.Result) {
	text := func(keys ...string) string { return firstOf(input, keys...).String() }
	t := TeamTask{ID: text("task_id", "id"), Title: text("title"), Description: text("description"), Owner: text("owner")}
	switch status := text("status"); status {
	case pending, inProgress, completed, "blocked":
		t.Status = status
	}
	if name == "TaskCreate" {
		t.Title = text("title", "content")
		if t.Title == "" {
			return
		}
		if t.Status == "" {
			t.Status = pending
		}
	}
	if t.ID != "" {
		f.Team = append(f.Team, TeamStep{Task: &t})
	}
}

func (f *Findings) teamMessage(kind, recipient, summary string) {
	switch kind {
	case "message", "broadcast", "shutdown_request", "shutdown_response":
	default:
		kind = "message"
	}
	if kind == "broadcast" || recipient == "" {
		recipient = "all"
	}
	f.Team = append(f.Team, TeamStep{Message: &TeamMessage{From: "team-lead", To: recipient, Summary: summary, Type: kind}})
	if kind == "shutdown_request" && recipient != "all" {
		f.Team = append(f.Team, TeamStep{Member: &TeamMember{Name: recipient, Status: "shutdown"}})
	}
}

// StartsOrEndsTeam says whether the steps make or delete the team as a whole.
func StartsOrEndsTeam(steps []TeamStep) bool {
	return slices.ContainsFunc(steps, func(s TeamStep) bool { return s.Create != nil || s.Delete })
}

// ApplyTeam is the team after the steps, nil for none, and whether it differs.
// Without a team only its making counts.
func ApplyTeam(stored json.RawMessage, steps []TeamStep, at wire.Millis) (json.RawMessage, bool) {
	var team *Team
	_ = json.Unmarshal(stored, &team) // what is not a team is none
	changed := false
	for i := range steps {
		changed = steps[i].apply(&team, at) || changed
	}
	switch {
	case !changed:
		return stored, false
	case team == nil:
		return nil, true
	}
	team.UpdatedAt = at
	raw, err := json.Marshal(team)
	if err != nil { // it always marshals
		panic(err)
	}
	return raw, true
}

func (s *TeamStep) apply(team **Team, at wire.Millis) (changed bool) {
	t := *team
	switch {
	case s.Create != nil:
		made := *s.Create
		made.Members, made.Tasks, made.Messages = []TeamMember{}, []TeamTask{}, []TeamMessage{}
		*team = &made
	case s.Delete:
		*team = nil
		return t != nil
	case t == nil:
		return false
	case s.Member != nil:
		return t.setMember(*s.Member)
	case s.Task != nil:
		return t.setTask(*s.Task)
	case s.Message != nil:
		m := *s.Message
		m.Timestamp = at
		t.Messages = append(t.Messages, m)
		t.Messages = t.Messages[max(0, len(t.Messages)-lastMessages):]
	}
	return true
}

// setMember adds a member or changes the one of that name. A shutdown of nobody
// changes nothing.
func (t *Team) setMember(m TeamMember) bool {
	at := slices.IndexFunc(t.Members, func(old TeamMember) bool { return old.Name == m.Name })
	if at < 0 {
		if m.Status == "shutdown" {
			return false
		}
		t.Members = append(t.Members, m)
		return true
	}
	overwrite(&t.Members[at].AgentType, m.AgentType)
	overwrite(&t.Members[at].Status, m.Status)
	return true
}

// setTask adds a task or changes the one of that id. What has no title cannot
// be added.
func (t *Team) setTask(task TeamTask) bool {
	at := slices.IndexFunc(t.Tasks, func(old TeamTask) bool { return old.ID == task.ID })
	if at < 0 {
		if task.Title == "" {
			return false
		}
		if task.Status == "" {
			task.Status = pending
		}
		t.Tasks = append(t.Tasks, task)
		return true
	}
	old := &t.Tasks[at]
	overwrite(&old.Title, task.Title)
	overwrite(&old.Description, task.Description)
	overwrite(&old.Status, task.Status)
	overwrite(&old.Owner, task.Owner)
	return true
}

func overwrite(into *string, value string) {
	if value != "" {
		*into = value
	}
}
