package session

import (
	"strings"

	"hapi/internal/hubclient"
)

// summariesVariable says whether agents end their answers with a summary, in place
// of the hub.
const summariesVariable = "HAPI_SESSION_SUMMARY_CONTRACT="

// wantsSummaries says whether they do: as the environment says, else as the hub
// does. A session that the hub does not have yet begins without.
func wantsSummaries(env []string, hub *hubclient.Client) bool {
	wanted := hub != nil && hub.WantsSummaries()
	for _, pair := range env { // the last one counts
		value, said := strings.CutPrefix(pair, summariesVariable)
		if !said {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(value)) {
		case "": // as if it were not there
		case "0", "false", "off", "no":
			wanted = false
		default:
			wanted = true
		}
	}
	return wanted
}
