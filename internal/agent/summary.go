package agent

// summaryInstructions ask for a line that notifications read (services contract
// §2.7).
const summaryInstructions = `
End each of your answers with one last line that is for the person's notifications, plain JSON without a code fence, and nothing after it:
AGENT_NOTIFY_SUMMARY {"version":1,"agent":"<your name>","project":"<name of the project>","status":"<status>","action":"<what the person should do next, empty if nothing>","summary":"<one sentence on what you did>"}
The status is one of done, blocked, needs_review, needs_decision, failed, stalled. Write action and summary in the language of the person.`

// Instruct completes what an agent is told about where it works by what its
// person's hub wants.
func (o *Options) Instruct(instructions string) string {
	if o.Summaries {
		return instructions + summaryInstructions
	}
	return instructions
}
