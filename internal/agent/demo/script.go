package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	sdk "github.com/coder/acp-go-sdk"
	"github.com/google/uuid"
)

// act is the answer to one prompt.
type act struct {
	*player
	id     sdk.SessionId
	dir    string
	first  bool // of its session
	plan   bool // nothing is to be carried out
	pause  time.Duration
	always *bool
	words  int
}

// scene is a part of the script, played when the prompt has its word.
type scene struct {
	word string
	says string // in the list of words
	play func(a *act, ctx context.Context) error
}

var scenes = []scene{
	{"think", "thinks aloud first", (*act).think},
	{"plan", "makes a plan and ticks it off", (*act).planning},
	{"read", "reads a file", (*act).read},
	{"edit", "asks, then changes a file", (*act).edit},
	{"run", "asks, then runs a command", (*act).run},
	{"ask", "asks you a question", (*act).ask},
	{"long", "answers at length, in Markdown", (*act).long},
	{"fail", "ends the turn with an error", (*act).fail},
	{"crash", "ends its process", (*act).crash},
}

// slow is no scene: it makes all others slower.
const slow = "slow"

// slower is how much slow slows down.
const slower = 20

// tour is what is played without any word.
var tour = []string{"think", "plan", "read", "edit", "run", "ask"}

var aWord = regexp.MustCompile(`[a-z]+`)

// perform plays the scenes that the text asks for, in its order.
func (a *act) perform(ctx context.Context, text string) error {
	asked := aWord.FindAllString(strings.ToLower(text), -1)
	if slices.Contains(asked, slow) {
		a.pause *= slower
	}
	if slices.Contains(asked, "compact") {
		return a.speak(ctx, "Shortened. There was nothing to forget: this is a demo.\n")
	}
	var list []string
	for _, word := range asked {
		if slices.ContainsFunc(scenes, func(s scene) bool { return s.word == word }) && !slices.Contains(list, word) {
			list = append(list, word)
		}
	}
	whole := slices.Contains(asked, "tour") || a.first && len(list) == 0 && !slices.Contains(asked, slow)
	if whole {
		list = tour
	}
	if err := a.speak(ctx, a.opening(list, whole)); err != nil {
		return err
	}
	for _, word := range list {
		i := slices.IndexFunc(scenes, func(s scene) bool { return s.word == word })
		if err := scenes[i].play(a, ctx); err != nil {
			return err
		}
	}
	if whole {
		return a.speak(ctx, "\nThat was the tour. "+a.menu())
	}
	return nil
}

func (a *act) opening(list []string, whole bool) string {
	switch {
	case whole:
		return "Hello! This is hapi's **demo agent**: a script, no model, no network. It shows you what an agent at work looks like from here.\n\n"
	case len(list) > 0:
		return "This is a demo, and you asked for: " + strings.Join(list, ", ") + ".\n\n"
	default:
		return "This is a demo: I follow a script and did not understand you. " + a.menu()
	}
}

func (a *act) menu() string {
	var b strings.Builder
	b.WriteString("Words I react to:\n\n| Word | What I do |\n|---|---|\n")
	for _, s := range append(slices.Clone(scenes), scene{word: slow, says: "does it slowly"}, scene{word: "tour", says: "does most of it"}) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", s.word, s.says)
	}
	return b.String()
}

// wait is a pause that a person can end.
func (a *act) wait(ctx context.Context) error {
	select {
	case <-time.After(a.pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pieces are words with the space after them.
var pieces = regexp.MustCompile(`\S*\s+|\S+$`)

// speak says a text word by word.
func (a *act) speak(ctx context.Context, text string) error {
	return a.stream(ctx, text, sdk.UpdateAgentMessageText)
}

func (a *act) stream(ctx context.Context, text string, update func(string) sdk.SessionUpdate) error {
	for _, piece := range pieces.FindAllString(text, -1) {
		a.words++
		a.say(ctx, a.id, update(piece))
		if err := a.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (a *act) think(ctx context.Context) error {
	if err := a.stream(ctx, "The person wants to see how I work. I have no thoughts of my own, so I show what they would look like: first I look around, then I change something small, and I ask before I do.", sdk.UpdateAgentThoughtText); err != nil {
		return err
	}
	return a.speak(ctx, "I have *thought* about it.\n\n")
}

func (a *act) planning(ctx context.Context) error {
	steps := []string{"Look at the notes", "Add a line to them", "Count the lines"}
	for done := range len(steps) + 1 {
		entries := make([]sdk.PlanEntry, len(steps))
		for i, text := range steps {
			entries[i] = sdk.PlanEntry{Content: text, Priority: sdk.PlanEntryPriorityMedium, Status: sdk.PlanEntryStatusPending}
			switch {
			case i < done:
				entries[i].Status = sdk.PlanEntryStatusCompleted
			case i == done:
				entries[i].Status = sdk.PlanEntryStatusInProgress
			}
		}
		a.say(ctx, a.id, sdk.UpdatePlan(entries...))
		if a.plan {
			return a.speak(ctx, "This is the plan. In plan mode I stop here.\n\n")
		}
		if err := a.wait(ctx); err != nil {
			return err
		}
	}
	return a.speak(ctx, "The plan has three steps.\n\n")
}

// notes is the file that the demo works on.
const notes = "demo-notes.md"

const firstNotes = "# Notes of the demo\n\nThe demo reads this file and adds a line to it, if you allow that.\n"

func (a *act) notesPath() string { return filepath.Join(a.dir, notes) }

// readNotes is what the notes say, and whether there are any.
func (a *act) readNotes(ctx context.Context) (text string, there bool) {
	answer, err := a.conn.ReadTextFile(ctx, sdk.ReadTextFileRequest{SessionId: a.id, Path: a.notesPath()})
	return answer.Content, err == nil
}

func (a *act) read(ctx context.Context) error {
	id := toolID()
	a.say(ctx, a.id, sdk.StartToolCall(id, "Read "+notes, sdk.WithStartKind(sdk.ToolKindRead), sdk.WithStartStatus(sdk.ToolCallStatusInProgress),
		sdk.WithStartRawInput(map[string]any{"file_path": a.notesPath()})))
	text, there := a.readNotes(ctx)
	if !there {
		text = "There are no notes yet."
	}
	if err := a.wait(ctx); err != nil {
		return err
	}
	a.say(ctx, a.id, sdk.UpdateToolCall(id, sdk.WithUpdateStatus(sdk.ToolCallStatusCompleted), sdk.WithUpdateContent([]sdk.ToolCallContent{sdk.ToolContent(sdk.TextBlock(text))})))
	return a.speak(ctx, fmt.Sprintf("I have read `%s`.\n\n", notes))
}

// refusedInPlan says why nothing is done.
func (a *act) refusedInPlan(ctx context.Context, what string) error {
	return a.speak(ctx, "In plan mode I do not "+what+".\n\n")
}

func (a *act) edit(ctx context.Context) error {
	if a.plan {
		return a.refusedInPlan(ctx, "change files")
	}
	old, there := a.readNotes(ctx)
	if !there {
		old = ""
	}
	changed := firstNotes
	if there {
		changed = strings.TrimRight(old, "\n") + "\n\nChanged by the demo at " + time.Now().Format("15:04:05") + ".\n"
	}
	diff := []sdk.ToolCallContent{sdk.ToolDiffContent(a.notesPath(), changed)}
	if there {
		diff = []sdk.ToolCallContent{sdk.ToolDiffContent(a.notesPath(), changed, old)}
	}
	id := toolID()
	a.say(ctx, a.id, sdk.StartToolCall(id, "Edit "+notes, sdk.WithStartKind(sdk.ToolKindEdit), sdk.WithStartStatus(sdk.ToolCallStatusPending), sdk.WithStartContent(diff)))
	if ok, err := a.allowed(ctx, id, "Edit "+notes, sdk.ToolKindEdit, diff, nil); !ok {
		return a.refused(ctx, id, err)
	}
	_, err := a.conn.WriteTextFile(ctx, sdk.WriteTextFileRequest{SessionId: a.id, Path: a.notesPath(), Content: changed})
	if err != nil {
		return a.failed(ctx, id, err)
	}
	a.say(ctx, a.id, sdk.UpdateToolCall(id, sdk.WithUpdateStatus(sdk.ToolCallStatusCompleted), sdk.WithUpdateContent(diff)))
	return a.speak(ctx, fmt.Sprintf("I have changed `%s`.\n\n", notes))
}

func (a *act) run(ctx context.Context) error {
	if a.plan {
		return a.refusedInPlan(ctx, "run commands")
	}
	const command = "ls -l && echo done"
	input := map[string]any{"command": command}
	id := toolID()
	a.say(ctx, a.id, sdk.StartToolCall(id, command, sdk.WithStartKind(sdk.ToolKindExecute), sdk.WithStartStatus(sdk.ToolCallStatusPending), sdk.WithStartRawInput(input)))
	if ok, err := a.allowed(ctx, id, command, sdk.ToolKindExecute, nil, input); !ok {
		return a.refused(ctx, id, err)
	}
	terminal, err := a.conn.CreateTerminal(ctx, sdk.CreateTerminalRequest{SessionId: a.id, Command: command, Cwd: &a.dir})
	if err != nil {
		return a.failed(ctx, id, err)
	}
	shown := []sdk.ToolCallContent{sdk.ToolTerminalRef(terminal.TerminalId)}
	a.say(ctx, a.id, sdk.UpdateToolCall(id, sdk.WithUpdateStatus(sdk.ToolCallStatusInProgress), sdk.WithUpdateContent(shown)))
	_, err = a.conn.WaitForTerminalExit(ctx, sdk.WaitForTerminalExitRequest{SessionId: a.id, TerminalId: terminal.TerminalId})
	if err == nil {
		a.say(ctx, a.id, sdk.UpdateToolCall(id, sdk.WithUpdateStatus(sdk.ToolCallStatusCompleted), sdk.WithUpdateContent(shown)))
	}
	_, _ = a.conn.ReleaseTerminal(context.WithoutCancel(ctx), sdk.ReleaseTerminalRequest{SessionId: a.id, TerminalId: terminal.TerminalId}) // it ends with the session otherwise
	if err != nil {
		return a.failed(ctx, id, err)
	}
	return a.speak(ctx, "The command has run.\n\n")
}

// allowed asks a person, unless they allowed everything already.
func (a *act) allowed(ctx context.Context, id sdk.ToolCallId, title string, kind sdk.ToolKind, content []sdk.ToolCallContent, input map[string]any) (bool, error) {
	if *a.always {
		return true, nil
	}
	call := sdk.ToolCallUpdate{ToolCallId: id, Title: &title, Kind: &kind, Content: content}
	if input != nil {
		call.RawInput = input
	}
	answer, err := a.conn.RequestPermission(ctx, sdk.RequestPermissionRequest{SessionId: a.id, ToolCall: call, Options: []sdk.PermissionOption{
		{OptionId: "once", Name: "Allow once", Kind: sdk.PermissionOptionKindAllowOnce},
		{OptionId: "always", Name: "Allow for this session", Kind: sdk.PermissionOptionKindAllowAlways},
		{OptionId: "no", Name: "Reject", Kind: sdk.PermissionOptionKindRejectOnce},
	}})
	if err != nil || answer.Outcome.Selected == nil {
		return false, err
	}
	switch answer.Outcome.Selected.OptionId {
	case "always":
		*a.always = true
		return true, nil
	case "once":
		return true, nil
	}
	return false, nil
}

// refused ends a tool call that was not allowed.
func (a *act) refused(ctx context.Context, id sdk.ToolCallId, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	text := "You did not allow it, so I did not do it."
	if err != nil {
		text = "I could not ask you: " + err.Error()
	}
	a.say(ctx, a.id, sdk.UpdateToolCall(id, sdk.WithUpdateStatus(sdk.ToolCallStatusFailed), sdk.WithUpdateContent([]sdk.ToolCallContent{sdk.ToolContent(sdk.TextBlock(text))})))
	return a.speak(ctx, text+"\n\n")
}

// failed ends a tool call that did not work.
func (a *act) failed(ctx context.Context, id sdk.ToolCallId, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	a.say(ctx, a.id, sdk.UpdateToolCall(id, sdk.WithUpdateStatus(sdk.ToolCallStatusFailed), sdk.WithUpdateContent([]sdk.ToolCallContent{sdk.ToolContent(sdk.TextBlock(err.Error()))})))
	return a.speak(ctx, "It did not work: "+err.Error()+"\n\n")
}

// ask asks a question the way the protocol can: by choices that each allow.
func (a *act) ask(ctx context.Context) error {
	title := "Which colour do you like best?"
	kind := sdk.ToolKindOther
	id := toolID()
	answer, err := a.conn.RequestPermission(ctx, sdk.RequestPermissionRequest{
		SessionId: a.id, ToolCall: sdk.ToolCallUpdate{ToolCallId: id, Title: &title, Kind: &kind},
		Options: []sdk.PermissionOption{
			{OptionId: "red", Name: "Red", Kind: sdk.PermissionOptionKindAllowOnce},
			{OptionId: "green", Name: "Green", Kind: sdk.PermissionOptionKindAllowOnce},
			{OptionId: "blue", Name: "Blue", Kind: sdk.PermissionOptionKindAllowOnce},
			{OptionId: "none", Name: "No answer", Kind: sdk.PermissionOptionKindRejectOnce},
		},
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	}
	said := "You did not say. That is fine."
	if chosen := answer.Outcome.Selected; chosen != nil && chosen.OptionId != "none" {
		said = fmt.Sprintf("You like **%s** best.", chosen.OptionId)
	}
	a.say(ctx, a.id, sdk.UpdateToolCall(id, sdk.WithUpdateStatus(sdk.ToolCallStatusCompleted), sdk.WithUpdateContent([]sdk.ToolCallContent{sdk.ToolContent(sdk.TextBlock(said))})))
	return a.speak(ctx, said+"\n\n")
}

const chapters = 12

func (a *act) long(ctx context.Context) error {
	for n := range chapters {
		text := fmt.Sprintf("## Chapter %d\n\nThis is a long answer, so that you can see how it scrolls. It has *emphasis*, `code`, and [a link](https://example.com).\n\n"+
			"1. one thing\n2. another thing\n   - and a detail of it\n\n```go\nfunc chapter%d() string {\n\treturn \"number %d\" // a comment that is long enough to be wider than a phone's screen\n}\n```\n\n"+
			"| Column | Value |\n|---|---:|\n| chapter | %d |\n| of | %d |\n\n> Said by the demo.\n\n", n+1, n+1, n+1, n+1, chapters)
		if err := a.speak(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

func (*act) fail(context.Context) error {
	return &sdk.RequestError{Code: -32603, Message: "the demo failed, because you asked it to"}
}

func (*act) crash(context.Context) error {
	fmt.Fprintln(os.Stderr, "the demo crashed, because you asked it to")
	os.Exit(3)
	return nil
}

func toolID() sdk.ToolCallId { return sdk.ToolCallId("demo_" + uuid.NewString()) }

// Prepare makes the directory that the demo works in, with what it reads.
func Prepare(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, notes), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if os.IsExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(firstNotes)
	return errors.Join(err, f.Close())
}
