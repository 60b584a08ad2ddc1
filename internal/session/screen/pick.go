package screen

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// Choice is a row of a list to pick from.
type Choice struct {
	Row    string // what the list shows
	Detail string // what is shown of the one that is picked
	Search string // what typing finds, besides
}

// ErrCancelled says that nothing was picked.
var ErrCancelled = errors.New("nothing was chosen")

// Pick lets the person choose: typing filters, the arrows move, Enter takes.
func Pick(ctx context.Context, in, out *os.File, title string, choices []Choice) (int, error) {
	m := &picker{title: title, choices: choices, picked: -1}
	m.filter()
	p := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler())
	if _, err := p.Run(); err != nil {
		return 0, fmt.Errorf("show the list: %w", err)
	}
	if m.picked < 0 {
		return 0, ErrCancelled
	}
	return m.picked, nil
}

type picker struct {
	title         string
	choices       []Choice
	query         string
	found         []int // of choices
	at            int   // of found
	picked        int
	width, height int
}

// Init implements tea.Model.
func (m *picker) Init() tea.Cmd { return nil }

// Update implements tea.Model.
func (m *picker) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return m, m.press(msg)
	}
	return m, nil
}

func (m *picker) press(key tea.KeyPressMsg) tea.Cmd {
	page := max(1, m.rows()-1)
	switch key.String() {
	case "ctrl+c":
		return tea.Quit
	case "esc":
		if m.query == "" {
			return tea.Quit
		}
		m.query = ""
		m.filter()
	case "enter":
		if len(m.found) > 0 {
			m.picked = m.found[m.at]
			return tea.Quit
		}
	case "backspace":
		if runes := []rune(m.query); len(runes) > 0 {
			m.query = string(runes[:len(runes)-1])
			m.filter()
		}
	case "up":
		m.move(-1)
	case "down":
		m.move(1)
	case "pgup":
		m.move(-page)
	case "pgdown":
		m.move(page)
	case "home":
		m.move(-len(m.found))
	case "end":
		m.move(len(m.found))
	default:
		if key.Text != "" {
			m.query += key.Text
			m.filter()
		}
	}
	return nil
}

func (m *picker) move(by int) { m.at = min(max(m.at+by, 0), max(0, len(m.found)-1)) }

func (m *picker) filter() {
	m.found, m.at = m.found[:0], 0
	for i, c := range m.choices {
		all := strings.ToLower(c.Row + " " + c.Detail + " " + c.Search)
		if strings.Contains(all, strings.ToLower(m.query)) {
			m.found = append(m.found, i)
		}
	}
}

// rows is how many choices are on the screen.
func (m *picker) rows() int { return min(max(m.height-6, 5), 16) }

// View implements tea.Model.
func (m *picker) View() tea.View {
	lines := []string{bold + m.title + plain, "Search: " + m.query, ""}
	first := max(0, m.at-m.rows()+1)
	for i := first; i < min(len(m.found), first+m.rows()); i++ {
		line := "  " + clean(m.choices[m.found[i]].Row)
		if i == m.at {
			line = bold + "> " + clean(m.choices[m.found[i]].Row) + plain
		}
		lines = append(lines, line)
	}
	if len(m.found) == 0 {
		lines = append(lines, faint+"  Nothing matches."+plain)
	} else {
		lines = append(lines, "", faint+clean(m.choices[m.found[m.at]].Detail)+plain)
	}
	lines = append(lines, faint+"Enter: take it · arrows: move · Esc: leave"+plain)
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, max(m.width, 20), "…")
	}
	v := tea.NewView(strings.Join(lines, "\n"))
	v.AltScreen = true
	return v
}
