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
		reason: "caches must know that an answer depends on the encoding: http §8.17"},
	{field: `headers\.x-accel-buffering`, want: "nothing", got: `"no"`, what: `\S+ (GET|HEAD) /api/events.*`,
		reason: "proxies must not gather a stream: additive, http §8"},
	{field: `headers\.(referrer-policy|x-content-type-options|cache-control|content-security-policy)`, want: "nothing",
		reason: "browsers keep nothing, guess nothing and tell nobody: additive, services §14, §15"},
	{field: `headers\.content-encoding`, want: "nothing", got: `"gzip"`, what: `\S+ (GET|POST) /cli/.*`,
		reason: "pages of /cli are compressed for who accepts it: additive, http §8.17"},
	{field: `body\.hasMore`, want: "nothing", what: `\S+ GET /api/sessions/:id/messages.*`,
		reason: "the published page has it on top: messages §3.3"},
	{field: `.*message\.scheduledAt`, want: "nothing", got: "null",
		reason: "the record is always whole: messages §1.2, §3.3"},
	{field: `(event\.data|body\.sessions?)\.seq`, want: `\d+`, got: `\d+`,
		reason: "the recorded hub serves the value of its last reload: http §7.1 “never order by it”"},
	{what: `sse-all machine-updated :id`, field: "told", want: ".*",
		reason: "a session process registered the machine again and changed nothing, which is not told: http §6.8 “on every write”"},
	{trace: "0[237].*", what: `sse-session session-updated :id {active .*`, field: "told",
		reason: "the beat came before the stream was opened; the recorded hub took 40 ms to tell it"},
	{trace: "03.*", what: `web POST /api/sessions/:id/permissions/toolu_capmwu2vq8vt/approve`, field: `status|body\.(ok|error)`,
		reason: "a body that cannot be read never approves: README “Consent fails closed”"},
	{trace: "03.*", what: `session-1 42/cli, "rpc-request" :id:permission `, field: "all", want: `.*capmwu2vq8vt.*`, got: "nothing",
		reason: "the same: README “Consent fails closed”"},
	{trace: "03.*", what: `session-1 42/cli, "rpc-request" :id:permission `, field: `packet\[\]\.params\.decision`, want: `"approved"`, got: "nothing",
		reason: "a refusal hands on no decision that approves: README “Consent fails closed”"},
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
	{what: `sse-\S+ session-updated :id \{activeTurnStartedAt thinking updatedAt\}`, field: "told", want: `updatedAt: \d+, ours \d+`,
		reason: "neither is it told as one: messages §16.18"},
	{what: `sse-\S+ session-updated :id \{active .*`, field: `event\.data\.activeTurnStartedAt`, want: "null", got: `\d+`,
		reason: "a turn that only a beat shows has begun, too; clients take no turn from a patch: http §6.9"},
	{field: `body\.code`, want: "nothing",
		reason: "refusals say a code: additive, http §8"},
	{what: `sse-\S+ session-updated :id \{todos updatedAt\}`, field: "all", want: "nothing",
		reason: "todos of every kind of list are kept: messages §16.12"},
	{what: `\S+ GET .*/sessions/:id`, field: `body\.session\.todos(UpdatedAt)?`, reason: "the same: messages §16.12"},
	{what: `\S+ GET /api/(sessions|machines)/:id/codex-models`,
		reason: "the recording cut the process's answer, which cannot be read any more"},
	{what: `\S+ GET /api/sessions/:id/slash-commands`, field: `body\.commands.*`,
		reason: "the recording cut the names that the agent said, which stand beside what its process lists"},
	{what: `sse-\S+ session-updated :id \{.*`, field: "told", want: `(metadata\.preferredPermissionMode: "[\w-]+", ours "[\w-]+"; )?metadataVersion: \d+, ours \d+`,
		reason: "a change of the mode is told as such, and the hub's note of it with the next metadata: http §6.8 “versions on the stream have holes”"},
	{what: `sse-\S+ session-updated :id \{.*`, field: "told", want: `todosUpdatedAt: 0, ours \d+`, reason: "todos of every kind of list are kept: messages §16.12"},
	{what: `\S+ GET /api/sessions/:id/messages.*`, field: `body\.messages\[\]\.steered`, want: "nothing", got: "true",
		reason: "that a prompt was steered is remembered: messages §16.19"},
	{trace: "07.*", what: `sse-all machine-updated :id`, field: "told|all",
		reason: "a runner that says it shuts down is offline at once: socket §14"},
	{trace: "07.*", what: `\S+ GET /api/machines`, field: `body\.machines\.length`, want: "1", got: "0", reason: "the same: socket §14"},
	{trace: "07.*", what: `sse-all session-updated :id \{active activeTurnStartedAt backgroundTaskCount thinking\}`, field: "all", want: "nothing",
		reason: "who is gone does not think: http §8.7"},
	{trace: "07.*", what: `\S+ POST /api/sessions/:id/abort`, field: `status|body|headers\.content-type|time`,
		reason: "a call fails in JSON, and at once when its process goes: http §8.9"},
	{what: `\S+ GET /api/usage/.*`, field: `body\..*(output|total|uncached)Tokens`,
		reason: "the true output of a turn is in its result: messages §8.3"},
	{what: `session-1 42/cli, "rpc-request" :id:statFiles `, field: "all", got: "nothing", want: `.*\\"paths\\":\[\].*`,
		reason: "nothing is asked about no files"},
	{what: `session-1 42/cli, "rpc-request" :id:git-diff-numstat `, field: `packet\[\]\.params\.staged`, want: "false", got: "nothing",
		reason: "what is not said is not staged: socket §10"},
	{trace: "12.*", what: `web POST /api/sessions/:id/messages`, field: `status|body\..*`, want: `400|nothing|"Invalid body"|\{"fieldErrors":\{"text":.*`,
		reason: "text is required if there are no attachments: published page"},
	{trace: "12.*", what: `sse-\S+ message-received :id|session-1 42/cli, "update"  new-message`, field: "all", want: "nothing", got: `.*design\.png.*`, reason: "the same: published page"},
	{trace: "12.*", what: `web GET /api/sessions/:id/export`, field: `body\.session\.(thinking|activeTurnStartedAt)`, reason: "the same: published page"},
	{trace: "12.*", what: `session-1 42/cli, "rpc-request" :id:uploadFile `, field: `packet\[\]\.params`, reason: "the recording cut the question, which cannot be read any more"},
	{what: `web GET /api/storage/sqlite`, field: `body\.(path|\w+Bytes)`, reason: "a file of this run"},
	{what: `web GET /api/push/vapid-public-key`, field: `body\.publicKey`, reason: "a key of this run"},
	{what: `web GET /api/voice/transcription/providers`, field: `body\.providers\.length`, reason: "[ext] voice is absent"},
	{what: `web \S+ /api/sessions/:id/\S+`, field: "time", reason: "a call waits a second for a process that comes back"},
	{trace: "07.*", what: `session-[23] 43/cli,[2-5]`, field: `packet\[\]\..*`, reason: earlierMerge},
	{trace: "07.*", what: `sse-all session-updated :id \{.*`, field: "told", want: `metadata\.(capabilities|claudeSessionId).*`, reason: earlierMerge},
	{trace: "07.*", what: `sse-all session-updated :id \{(active activeAt .*|metadata updatedAt)\}`, field: "all", want: "nothing", reason: earlierMerge},
	{trace: "07.*", what: `web GET /api/sessions/:id`, field: `body\.session\.metadata\.claudeSessionId`, want: "nothing", reason: earlierMerge},
	{trace: "07.*", what: `sse-all session-updated :id \{metadata\}`, field: "all", want: "nothing", got: `.*CLI unreachable.*`,
		reason: "the archive is told as a patch, when the runner has said that the process is gone: socket §14"},
	{trace: "10.*", what: `sse-\S+ session-updated :id \{metadata\}`, field: "all", want: "nothing", got: `.*Archived from hub.*`, reason: hubArchives},
	{trace: "10.*", what: `sse-\S+ session-updated :id \{metadata updatedAt\}`, field: "told", want: `metadata\.archiveReason.*`, reason: hubArchives},
	{trace: "10.*", what: `session-1 43/cli,23|\S+ GET /cli/sessions/:id`, field: `(packet\[\]|body\.session)\.(result|updatedAt|metadata\.archive.*)`, reason: hubArchives},
	{trace: "13.*", what: `\S+ GET /health`, field: `body\.(ready|capabilities\.\w+)`, reason: "what a hub can do: http §2.1, additive keys"},
	{trace: "13.*", what: `edge (GET|HEAD) /.*`, field: `headers\.(etag|permissions-policy|cross-origin-opener-policy|(cloudflare-)?cdn-cache-control)`, want: "nothing",
		reason: "the web app's files say how to keep and to run them: http §8.14, services §15"},
	{trace: "13.*", what: `edge GET /.*`, field: `headers\.vary`, want: "nothing", got: `"Accept-Encoding"`, reason: "they are compressed: http §8.14"},
	{trace: "13.*", what: `edge HEAD /.*`, field: `headers\.vary`, want: "nothing", got: `"Accept-Encoding"`, reason: "the same: http §8.14"},
	{trace: "13.*", what: `edge GET /`, field: `headers\.content-encoding`, want: "nothing", got: `"gzip"`, reason: "the same: http §8.14"},
	{trace: "13.*", what: `edge (GET|POST) /api/.*`, field: `headers\.content-encoding`, want: `"gzip"`, got: "nothing", reason: "small answers are not compressed: http §8.17"},
	{trace: "13.*", what: `edge GET /assets/\S+\.css`, field: `status|body|headers\.(accept-ranges|content-range)`, want: `206|<10 bytes .*|"bytes.*"`,
		reason: "files of a web app are sent whole; a server may (RFC 9110 §14.2)"},
	{trace: "13.*", what: `edge GET /manifest\.webmanifest`, field: `body|headers\.content-disposition`, reason: "a file of this run, and a name that nobody saves it under"},
	{trace: "13.*", what: `edge (OPTIONS|POST) /|edge GET /cli(/nope)?`, field: `status|body|headers\.(content-type|vary)`,
		reason: "a web app is read with GET, and not at the other planes' paths; the recorded hub served files of an unpacked build: http §2.4"},
	{trace: "13.*", what: `edge GET /api/sessions/%zz`, field: `status|body|headers\.(content-type|vary)`, reason: "what is no URL is refused as such: RFC 3986 §2.1"},
	{trace: "13.*", what: `edge POST /api/sessions/:id/resume`, field: `status|body\.\w+`, reason: "a body that cannot be read is refused: http §5"},
	{trace: "13.*", what: `(web|edge) (GET /api/voice|POST /socket\.io/).*`, field: `headers\.content-type`, want: `"text/plain;charset=utf-8"`, got: `"text/plain; charset=UTF-8"`,
		reason: "the same type in other letters: RFC 9110 §8.3"},
	{trace: "13.*", what: `web GET /api/voice/.*`, field: `headers\.vary`, reason: "[ext] voice is absent, and says so as all routes do"},
	{trace: "13.*", what: `edge-ws-(4|16|18|23) tcp-closed`, field: "time", reason: "after its farewell, a hub waits up to 5 s for the peer's: RFC 6455 §7.1.1"},
	{trace: "13.*", what: `(edge-ws-2[12]|web) tcp-closed`, field: "all", got: "nothing", reason: "a refused connection is ended by the player, not by the idle time of the recorded server"},
	{trace: "13.*", what: `edge-ws-7 42/cli, "error"  `, field: "all", want: "nothing", got: `.*access-denied.*`,
		reason: "methods can be registered only for the own namespace: README"},
	{trace: "13.*", what: `edge GET /socket\.io/\?EIO=4&transport=polling&sid=\S+`, field: "body", want: `"4[04]/(cli|zzz),.*`,
		reason: "two namespaces are joined side by side; which is answered first is open"},
	{trace: "13.*", what: "sse-all connection-changed ", field: `event\.data\.resume`, want: `"gap"`, got: `"ok"`,
		reason: "the recording leaves out the 256 events that had driven the cursor out of the ring; ours resumes over any gap: README"},
	{what: `sse-\S+ toast .*`, field: `event\.data\.(type|params)`, want: "nothing",
		reason: "clients say a toast in their person's language: additive, web §21"},
	{trace: "0[23].*", what: `web POST /api/sessions/:id/permissions/(toolu_capmwu2vs25y/deny|toolu_capmwu2tjyo4/approve)`, field: `status|body\.(ok|error)`, want: `404|nothing|"Request not found"`, got: `200|true|nothing`,
		reason: "a decision that is said again is answered again: http §8.9"},
	{what: `\S+ heartbeat .*`, field: "all|order|time",
		reason: "a stream's heart beats 30 s after the last thing it said; the recorded one at its own times: http §6.5"},
}

const (
	earlierMerge = "the two rows of a resume by an older process become one at its first beat, and keep the agent's conversation; " +
		"what it writes then meets another version, as after the first beat of every session: socket §6, §7.1"
	hubArchives = "the hub archives what a person archived, in case the process does not get to it: it failed at its first try; " +
		"it reads, merges and writes again (socket §13 “CAS retry”)"
)

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

// usage counts how often each allowance was needed.
type usage struct {
	mu     sync.Mutex
	played int
	times  map[int]int
}

// check fails the test for an allowance that no trace needs any more.
func (u *usage) check(t *testing.T) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.played < len(traces) { // only some were asked for, or failed early
		return
	}
	for i, a := range allowedDifferences {
		if u.times[i] == 0 {
			t.Errorf("no trace needs this allowance: %+v", a)
		}
	}
}

// report fails the test for every difference that is not allowed.
func report(t *testing.T, p *player, used *usage) {
	t.Helper()
	used.mu.Lock()
	defer used.mu.Unlock()
	used.played++
	if used.times == nil {
		used.times = map[int]int{}
	}
	excused := 0
	for _, d := range p.differences {
		at := excuse(d)
		if at < 0 {
			t.Error(d)
			continue
		}
		used.times[at]++
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
