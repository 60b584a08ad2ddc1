// Package metrics counts what the hub does, for Prometheus to collect. Names
// begin with hapi_; none carries a session, a token or a text.
package metrics

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Metrics are those of one hub.
type Metrics struct {
	set *metrics.Set

	commits  *metrics.Histogram
	batches  *metrics.Histogram
	failures *metrics.Counter
	events   *metrics.Counter
}

// New makes metrics that count from zero.
func New() *Metrics {
	set := metrics.NewSet()
	return &Metrics{
		set:      set,
		commits:  set.NewHistogram("hapi_commit_seconds"),
		batches:  set.NewHistogram("hapi_commit_jobs"),
		failures: set.NewCounter("hapi_commit_failures_total"),
		events:   set.NewCounter("hapi_events_total"),
	}
}

// Gauge shows what read says whenever the metrics are collected.
func (m *Metrics) Gauge(name string, read func() int) {
	m.set.NewGauge(name, func() float64 { return float64(read()) })
}

// Commit counts a transaction of several callers' jobs.
func (m *Metrics) Commit(jobs int, took time.Duration, err error) {
	if err != nil {
		m.failures.Inc()
		return
	}
	m.commits.Update(took.Seconds())
	m.batches.Update(float64(jobs))
}

// Events counts events that were announced.
func (m *Metrics) Events(n int) { m.events.Add(n) }

// Call counts a call to a session process or a runner.
func (m *Metrics) Call(method string, took time.Duration, err error) {
	outcome := "ok"
	if err != nil {
		outcome = "failed"
	}
	labels := `{method="` + label(method) + `",outcome="` + outcome + `"}`
	m.set.GetOrCreateHistogram("hapi_rpc_seconds" + labels).Update(took.Seconds())
}

// Notified counts a notification by what carried it to a person, or that nothing did.
func (m *Metrics) Notified(kind, channel string) {
	m.set.GetOrCreateCounter(`hapi_notifications_total{kind="` + label(kind) + `",channel="` + label(channel) + `"}`).Inc()
}

// Pushed counts what became of a notification for one browser.
func (m *Metrics) Pushed(outcome string) {
	m.set.GetOrCreateCounter(`hapi_pushes_total{outcome="` + label(outcome) + `"}`).Inc()
}

// label keeps what is safe inside a label's quotes.
func label(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == '"' || r == '\\' || r == 0x7f {
			return '_'
		}
		return r
	}, s)
}

// Route counts the requests of a route, by its pattern. Event streams count when
// they begin; a gauge says how many there are.
func (m *Metrics) Route(pattern string, next http.Handler) http.Handler {
	seconds := m.set.GetOrCreateHistogram(`hapi_request_seconds{route="` + label(pattern) + `"}`)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, seen := time.Now(), &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			seconds.Update(time.Since(began).Seconds())
			m.set.GetOrCreateCounter(`hapi_requests_total{route="` + label(pattern) + `",status="` + strconv.Itoa(seen.status) + `"}`).Inc()
		}()
		next.ServeHTTP(seen, r)
	})
}

// statusWriter remembers the status of the answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Write writes everything in Prometheus' text format, with what the Go runtime
// and the process say of themselves.
func (m *Metrics) Write(w io.Writer) {
	m.set.WritePrometheus(w)
	metrics.WriteProcessMetrics(w)
}
