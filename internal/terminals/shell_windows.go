package terminals

import "errors"

// Available says whether this system has terminals.
const Available = false

var errWindows = errors.New("terminals are not available on Windows yet")

// shell cannot be made here.
type shell struct {
	done chan struct{}
	exit exit
}

type exit struct {
	code   *int
	signal *string
}

func start(string, []string, int, int) (*shell, error) { return nil, errWindows }

func failure(error) string {
	return "Terminal is unavailable: hapi does not offer terminals on Windows yet."
}

func (*shell) Read([]byte) (int, error)  { return 0, errWindows }
func (*shell) Write([]byte) (int, error) { return 0, errWindows }
func (*shell) resize(int, int)           {}
func (*shell) redraw()                   {}
func (*shell) busy() bool                { return false }
func (*shell) hangUp()                   {}
func (*shell) drained()                  {}
func (*shell) reap()                     {}
