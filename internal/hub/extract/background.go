package extract

import (
	"slices"
	"strings"
)

// backgroundStart begins the line in which Claude says that a command runs on.
const backgroundStart = "Command running in background with ID:"

const notificationStart = "<task-notification>"

// BackgroundStep says that a command began to run in the background, or that it
// ended. An end without an id is of the one that runs longest.
type BackgroundStep struct {
	ID      string
	Started bool
}

// backgroundID finds the line and its id. The line must stand by itself: a tool
// that shows a file in which the words occur started nothing.
func backgroundID(text string) (string, bool) {
	at := strings.Index(text, backgroundStart)
	if at < 0 || strings.TrimSpace(text[strings.LastIndexByte(text[:at], '\n')+1:at]) != "" {
		return "", false
	}
	id, _, _ := strings.Cut(strings.TrimLeft(text[at+len(backgroundStart):], " "), "\n")
	id, _, _ = strings.Cut(id, " ")
	id = strings.TrimRight(id, ".,;")
	return id, id != ""
}

// notification reads the text that Claude injects when a command has ended.
func (f *Findings) notification(text string) {
	text = strings.TrimLeft(text, " \t\r\n")
	if !strings.HasPrefix(text, notificationStart) {
		return
	}
	_, rest, _ := strings.Cut(text, "<task-id>")
	id, _, found := strings.Cut(rest, "</task-id>")
	if !found {
		id = ""
	}
	f.Background = append(f.Background, BackgroundStep{ID: strings.TrimSpace(id)})
}

// ApplyBackground is the ids of the commands that run after the steps, in the
// order they began.
func ApplyBackground(running []string, steps []BackgroundStep) []string {
	running = slices.Clone(running)
	for _, step := range steps {
		at := slices.Index(running, step.ID)
		switch {
		case step.Started && at < 0:
			running = append(running, step.ID)
		case step.Started:
		case at >= 0:
			running = slices.Delete(running, at, at+1)
		case step.ID == "" && len(running) > 0:
			running = running[1:]
		}
	}
	return running
}
