package screen

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"hapi/internal/wire"
)

const (
	// confirmWithin is how long a first key press waits for its second.
	confirmWithin = 15 * time.Second
	// lookEvery is the pace at which the connection is looked at.
	lookEvery = time.Second
)

// model is what is on the screen, as Bubble Tea draws it.
type model struct {
	screen        *Screen
	width, height int
	armed         Wish // it takes the same key again
	presses       int  // a disarming knows by it whether it is still meant
	code          bool // the QR code is shown
	wish          Wish
	left          chan struct{} // closed when there is a wish
}

type (
	disarm struct{ presses int }
	look   struct{}
)

// Init implements tea.Model.
func (m *model) Init() tea.Cmd { return lookLater() }

func lookLater() tea.Cmd { return tea.Tick(lookEvery, func(time.Time) tea.Msg { return look{} }) }

// Update implements tea.Model.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case look:
		return m, lookLater()
	case disarm:
		if msg.presses == m.presses {
			m.armed = Nothing
		}
	case tea.KeyPressMsg:
		return m, m.press(msg.String())
	}
	return m, nil
}

// press takes a key. What ends something takes it twice.
func (m *model) press(key string) tea.Cmd {
	m.presses++
	wanted := Nothing
	switch key {
	case "space", " ":
		if m.screen.o.Back {
			wanted = Back
		}
	case "ctrl+c":
		wanted = End
	case "q":
		m.code = !m.code
	case "esc":
		m.code = false
	}
	if wanted != Nothing && m.armed == wanted {
		if m.wish == Nothing {
			close(m.left)
		}
		m.wish = wanted
		return tea.Quit
	}
	if m.armed = wanted; wanted == Nothing {
		return nil
	}
	presses := m.presses
	return tea.Tick(confirmWithin, func(time.Time) tea.Msg { return disarm{presses} })
}

// View implements tea.Model.
func (m *model) View() tea.View {
	v := tea.NewView(m.draw())
	v.AltScreen = true
	v.WindowTitle = "hapi: " + m.screen.o.Label
	return v
}

const (
	bold  = "\x1b[1m"
	faint = "\x1b[2m"
	plain = "\x1b[0m"
)

// draw is the screen: what it is, the latest of the conversation, what waits,
// and the keys.
func (m *model) draw() string {
	if m.width == 0 || m.height == 0 {
		return ""
	}
	s := m.screen
	s.mu.Lock()
	defer s.mu.Unlock()
	head := []string{bold + "hapi" + plain + " · " + s.o.Label + " · " + s.o.Dir, m.status(), faint + s.link + plain}
	if s.watchers != nil {
		head = append(head, faint+watching(s.watchers)+plain)
	}
	head = append(head, "")
	foot := append([]string{""}, append(m.waiting(), m.keys())...)
	room := max(0, m.height-len(head)-len(foot))
	body := m.body(room)
	for len(body) < room {
		body = append(body, "")
	}
	all := append(append(head, body...), foot...)
	for i, line := range all {
		all[i] = ansi.Truncate(line, m.width, "…")
	}
	return strings.Join(all[:min(len(all), m.height)], "\n")
}

func (m *model) status() string {
	s := m.screen
	switch {
	case s.connected != nil && !s.connected():
		return "○ the hub is away; what is said is kept until it is back"
	case len(s.requests) > 0:
		return "● waiting for an answer"
	case s.working:
		return "● working"
	default:
		return "● waiting for a message"
	}
}

// watching is who watches, in words.
func watching(n *wire.Watchers) string {
	looking := "nobody is looking"
	switch n.Looking {
	case 0:
	case 1:
		looking = "1 is looking"
	default:
		looking = fmt.Sprintf("%d are looking", n.Looking)
	}
	switch n.Connected {
	case 0:
		return "Nobody is watching."
	case 1:
		return "Watched from 1 device, " + looking + "."
	default:
		return fmt.Sprintf("Watched from %d devices, %s.", n.Connected, looking)
	}
}

// body is the conversation's end, or the code.
func (m *model) body(room int) []string {
	s := m.screen
	if m.code {
		return s.codeLines()
	}
	if len(s.lines) == 0 {
		return []string{faint + "Nothing has been said yet." + plain}
	}
	var rows []string
	for i := len(s.lines) - 1; i >= 0 && len(rows) < room; i-- {
		wrapped := strings.Split(ansi.Wrap(s.lines[i], m.width, " "), "\n")
		rows = append(wrapped, rows...)
	}
	return rows[max(0, len(rows)-room):]
}

// codeLines is the link as a phone's camera reads it.
func (s *Screen) codeLines() []string {
	code, err := s.o.Code(s.link)
	if err != nil { // a link that is too long for a code
		return []string{err.Error()}
	}
	return strings.Split(strings.TrimRight(code, "\n"), "\n")
}

// shownRequests is how many requests are named.
const shownRequests = 3

func (m *model) waiting() []string {
	var lines []string
	for i, r := range m.screen.requests {
		if i == shownRequests {
			lines = append(lines, fmt.Sprintf("  and %d more", len(m.screen.requests)-i))
			break
		}
		lines = append(lines, bold+"? "+clean(r.Tool)+plain+" "+oneLine(string(r.Arguments), inputLength))
	}
	if len(lines) > 0 {
		lines = append(lines, faint+"  Answer it at the address above, from any device."+plain, "")
	}
	return lines
}

func (m *model) keys() string {
	switch {
	case m.armed == Back:
		return "Press space again to have the session in this terminal"
	case m.armed == End:
		return "Press Ctrl-C again to end the session"
	case !m.screen.o.Back:
		return faint + "q: QR code of the address · Ctrl-C twice: end the session" + plain
	default:
		return faint + "space twice: back to this terminal · q: QR code of the address · Ctrl-C twice: end the session" + plain
	}
}
