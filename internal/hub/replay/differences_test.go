package replay_test

import (
	"regexp"
	"sync"
	"testing"
)

// allowed is a way in which our hub may differ from the recorded one. Empty
// patterns fit everything.
type allowed struct {
	trace, what, field, want, got string // patterns of the whole text
	reason                        string // with the section of the contract
}

var allowedDifferences = []allowed{
	{field: `headers\.vary`, want: `"Origin"`, got: `"Origin, Accept-Encoding"`,
		reason: "caches must know that an answer depends on the encoding: http §9 “Do better” 17"},
	{field: `headers\.x-accel-buffering`, want: "nothing", got: `"no"`, what: `\S+ GET /api/events.*`,
		reason: "proxies must not gather a stream: additive, http §9"},
	{field: `headers\.content-encoding`, want: "nothing", got: `"gzip"`, what: `\S+ (GET|POST) /cli/.*`,
		reason: "pages of /cli are compressed for who accepts it: additive, http §2.3"},
	{field: `body\.hasMore`, want: "nothing", what: `\S+ GET /api/sessions/:id/messages.*`,
		reason: "the published page has it on top: messages §3.3"},
	{field: `.*message\.scheduledAt`, want: "nothing", got: "null",
		reason: "the record is always whole: messages §1.2, §3.3"},
	{field: `(event\.data|body\.sessions?)\.seq`, want: `\d+`, got: `\d+`,
		reason: "the recorded hub serves the value of its last reload: http §7.1 “never order by it”"},
	{what: `\S+ toast .*`, field: "all", got: "nothing",
		reason: "our hub does not tell open pages what waits yet: services §1"},
	{what: `sse-all machine-updated :id`, field: "all", got: "nothing", want: `.*"cursor":"[0-9a-f]+:4:.*`,
		reason: "a session process registered the machine again and changed nothing, which is not told: http §6.8 “on every write”"},
	{trace: "0[23].*", what: `sse-session session-updated :id {active .*`, field: "all", got: "nothing",
		reason: "the beat came before the stream was opened; the recorded hub took 40 ms to tell it"},
	{trace: "03.*", what: `web POST /api/sessions/:id/permissions/toolu_capmwu2vq8vt/approve|session-1 42/cli, "rpc-request" :id:permission |session-1 43/cli,26|sse-.*`,
		reason: "a body that cannot be read never approves: README “Consent fails closed”"},
	{trace: "03.*", what: `session-1 42/cli, "rpc-request" :id:permission `, field: `packet\[\]\.params\.decision`, want: `"approved"`, got: "nothing",
		reason: "a refusal carries no decision that approves: README “Consent fails closed”"},
	{what: `session-1 42/cli, "update"  new-message|sse-\S+ message-received :id|\S+ GET .*/messages.*`, field: `.*message(s\[\])?\.localId`, want: "null", got: `"hub-.*"`,
		reason: "a message without a local id gets one, so that it waits for the agent like any other: messages §16.23"},
	{what: `sse-\S+ messages-consumed :id`, field: "all", want: "nothing", got: `.*"hub-.*`,
		reason: "its process acknowledges it: messages §16.23"},
	{what: `sse-\S+ message-received :id`, field: `event\.message\.invokedAt`, want: `\d+`, got: "null",
		reason: "and is not born delivered: messages §16.23"},
	{what: `session-1 42/cli, "update"  cancel-queued-message`, field: `packet\[\]\.body\.messageId`,
		reason: "the row's id, whichever name the canceller used; a process goes by the local id: messages §6.1"},
	{what: `\S+ (POST|GET) /api/sessions/:id/messages.*`, field: `body\.issues\.(fieldErrors|formErrors).*`,
		reason: "the words of a complaint, which people read: messages §3.1 “peers only show it”"},
	{what: `\S+ POST /api/sessions/:id/messages/\S+/steer`, field: `body\.localId`, want: "null",
		reason: "a refusal names the message if there is one: messages §6.2"},
	{what: `\S+ DELETE /api/sessions/:id/messages/\S+`, field: `body\.message\.sessionId`, got: "nothing",
		reason: "the recorded hub lets its stored row out: messages §1.2"},
	{what: `\S+ GET /api/sessions/:id/messages\?limit=1`, field: `body\..*`,
		reason: "at most limit rows for who did not ask for 200; pinned rows have no seq: messages §3.3 rule 3"},
	{what: `\S+ GET /api/sessions/:id/messages\?beforeSeq=:n`, field: `status|body\..*`,
		reason: "the published cursor: messages §3.2, §3.3"},
	{trace: "06.*", what: `\S+ GET /cli/sessions/:id/messages\?afterSeq=:n&limit=3`, field: `body\..*`,
		reason: "prompts that were taken are not given again: messages §5.2"},
	{what: `\S+ GET /api/sessions`, field: `body\.sessions\[\]\.updatedAt`,
		reason: "what is scheduled for later, or sent twice, is no activity: messages §16.18"},
	{what: `sse-\S+ session-updated :id \{activeTurnStartedAt thinking updatedAt\}`, field: "all", got: "nothing",
		reason: "neither is it told as one: messages §16.18"},
	{what: `sse-\S+ session-updated :id \{active .*`, field: `event\.data\.activeTurnStartedAt`, want: "null", got: `\d+`,
		reason: "a turn that only a beat shows has begun, too; clients take no turn from a patch: http §6.9"},
	{what: `\S+ heartbeat .*`, field: "all|order|time",
		reason: "a stream's heart beats 30 s after the last thing it said; the recorded one at its own times: http §6.5"},
}

func (a *allowed) fits(d difference) bool {
	return fits(a.trace, d.trace) && fits(a.what, d.what) && fits(a.field, d.field) && fits(a.want, d.want) && fits(a.got, d.got)
}

var patterns sync.Map // as written -> compiled

func fits(pattern, text string) bool {
	if pattern == "" {
		return true
	}
	compiled, ok := patterns.Load(pattern)
	if !ok {
		compiled, _ = patterns.LoadOrStore(pattern, regexp.MustCompile(`^(?:`+pattern+`)$`))
	}
	return compiled.(*regexp.Regexp).MatchString(text)
}

// report fails the test for every difference that is not allowed.
func report(t *testing.T, p *player, used []int) {
	t.Helper()
	excused := 0
	for _, d := range p.differences {
		at := excuse(d)
		if at < 0 {
			t.Error(d)
			continue
		}
		used[at]++
		excused++
	}
	t.Logf("%d steps compared, %d events told otherwise, %d differences allowed", len(p.matches), p.quiet, excused)
}

func excuse(d difference) int {
	for i := range allowedDifferences {
		if allowedDifferences[i].fits(d) {
			return i
		}
	}
	return -1
}
