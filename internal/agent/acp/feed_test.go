package acp

import (
	"bufio"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
)

// TestARequestWaitsForWhatWasSaidBeforeIt feeds two notifications and a request:
// the connection would serve the request beside them.
func TestARequestWaitsForWhatWasSaidBeforeIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const said = `{"jsonrpc":"2.0","method":"session/update","params":{}}`
		const asked = `{"jsonrpc":"2.0","id":1,"method":"session/request_permission","params":{}}`
		output := strings.Join([]string{said, `{"jsonrpc":"2.0","method":"$/cancel_request","params":{}}`, said, asked, ""}, "\n")
		f := newFeed(strings.NewReader(output), slog.New(slog.DiscardHandler))
		close(f.begin)
		lines := make(chan string, 10)
		go func() {
			defer close(lines)
			in := bufio.NewReader(f)
			for {
				line, err := in.ReadString('\n')
				if err == io.EOF {
					return
				}
				lines <- line
			}
		}()
		for range 3 {
			<-lines
		}
		f.handled()
		synctest.Wait()
		if len(lines) != 0 {
			t.Error("the request came while a notification was still being handled")
		}
		f.handled()
		if got := <-lines; !strings.Contains(got, "request_permission") {
			t.Errorf("got %s", got)
		}
		<-lines // the end
	})
}
