package notify

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"slices"
	"time"

	"hapi/internal/hub/webpush"
	"hapi/internal/wire"
)

// Toasts shows notifications to people who look: Show says whether any did.
type Toasts struct {
	Show func(context.Context, wire.Namespace, wire.Toast) bool
}

// Name is "toast".
func (Toasts) Name() string { return "toast" }

// Carry shows a toast.
func (t Toasts) Carry(ctx context.Context, n *Notification) bool {
	return t.Show(ctx, n.Namespace, wire.Toast{
		Title: n.Title, Body: n.Body, SessionID: n.SessionID, URL: n.URL(), Type: string(n.Kind), Params: n.Params,
	})
}

// Wait returns: nothing goes on after Carry.
func (Toasts) Wait() {}

const (
	// maxBrowsers is how many of a namespace's browsers are told, the newest.
	maxBrowsers = 32
	// maxLanes is how many browsers are told at the same time, maxQueued how much
	// waits for each.
	maxLanes  = 512
	maxQueued = 16
	// longestPause bounds what a push service may ask us to wait.
	longestPause = 5 * time.Minute
)

// pauses come between the attempts for one browser.
var pauses = []time.Duration{2 * time.Second, 10 * time.Second, time.Minute}

// Browsers are those that want to be told.
type Browsers interface {
	Browsers(ctx context.Context, ns wire.Namespace) ([]wire.PushSubscription, error)
	// Drop removes one that is gone, unless it has subscribed anew meanwhile.
	Drop(ctx context.Context, ns wire.Namespace, p wire.PushSubscription) error
}

// Pusher sends to a browser.
type Pusher interface {
	Send(ctx context.Context, to wire.PushSubscription, m webpush.Message) webpush.Result
}

// WebPushOptions of a WebPush.
type WebPushOptions struct {
	Logger *slog.Logger
	// Counted is told of each browser what became of a notification for it:
	// sent, gone, refused, failed, stale or dropped.
	Counted func(outcome string)
}

// WebPush tells the browsers of a namespace, each in a lane of its own.
type WebPush struct {
	browsers Browsers
	pusher   Pusher
	log      *slog.Logger
	counted  func(string)
	lanes    *lanes[browser, push]
}

// browser is one subscription.
type browser struct {
	ns       wire.Namespace
	endpoint string
}

// push is a notification for one browser.
type push struct {
	of      *Notification
	to      wire.PushSubscription
	message webpush.Message
}

// NewWebPush makes a WebPush.
func NewWebPush(browsers Browsers, pusher Pusher, o WebPushOptions) *WebPush {
	p := &WebPush{browsers: browsers, pusher: pusher, log: o.Logger, counted: o.Counted}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if p.counted == nil {
		p.counted = func(string) {}
	}
	p.lanes = &lanes[browser, push]{
		work: p.push, most: maxLanes, each: maxQueued,
		replaces: func(old, next push) bool { return supersedes(old.of, next.of) },
	}
	return p
}

// Name is "webpush".
func (*WebPush) Name() string { return "webpush" }

// Carry sets out to tell all browsers of the namespace.
func (p *WebPush) Carry(ctx context.Context, n *Notification) bool {
	list, err := p.browsers.Browsers(ctx, n.Namespace)
	if err != nil {
		if ctx.Err() == nil {
			p.log.ErrorContext(ctx, "nobody was notified", "session", n.SessionID, "err", err)
		}
		return false
	}
	list = list[max(0, len(list)-maxBrowsers):]
	told := false
	message := webpush.Message{Body: payload(n), Topic: topic(n)}
	for _, to := range list {
		if slices.Contains(to.Muted, string(n.Kind)) {
			continue
		}
		told = true
		if !p.lanes.add(ctx, browser{n.Namespace, to.Endpoint}, push{n, to, message}) {
			p.counted("dropped")
		}
	}
	return told
}

// Wait returns when no attempt is being made.
func (p *WebPush) Wait() { p.lanes.wait() }

// push tells one browser, and tries again for a while.
func (p *WebPush) push(ctx context.Context, at browser, m push) {
	for attempt := 0; ctx.Err() == nil; attempt++ {
		if !m.of.Still() { // answered meanwhile
			p.counted("stale")
			return
		}
		r := p.pusher.Send(ctx, m.to, m.message)
		if r.Outcome != webpush.Failed || attempt == len(pauses) {
			p.settle(ctx, at, m, r)
			return
		}
		select {
		case <-time.After(min(max(pauses[attempt], r.RetryAfter), longestPause)):
		case <-ctx.Done():
		}
	}
}

// settle draws the consequences of the last attempt. The endpoint is a secret of
// the browser's and is not logged.
func (p *WebPush) settle(ctx context.Context, at browser, m push, r webpush.Result) {
	switch r.Outcome {
	case webpush.Sent:
		p.counted("sent")
	case webpush.Gone:
		p.counted("gone")
		if err := p.browsers.Drop(ctx, at.ns, m.to); err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "a browser that is gone could not be removed", "err", err)
		}
	case webpush.Refused:
		p.counted("refused")
		p.log.WarnContext(ctx, "a notification was refused", "session", m.of.SessionID, "err", r.Err)
	case webpush.Failed:
		if ctx.Err() != nil {
			return
		}
		p.counted("failed")
		p.log.WarnContext(ctx, "a notification was given up", "session", m.of.SessionID, "err", r.Err)
	}
}

// payload is what service workers expect (services contract §3).
func payload(n *Notification) []byte {
	type data struct {
		Type      Kind               `json:"type"`
		SessionID wire.SessionID     `json:"sessionId"`
		URL       string             `json:"url"`
		RequestID wire.RequestID     `json:"requestId,omitempty"`
		Params    *wire.NoticeParams `json:"params,omitempty"`
	}
	content := struct {
		Title string `json:"title"`
		Body  string `json:"body"`
		Tag   string `json:"tag,omitempty"`
		Data  data   `json:"data"`
	}{n.Title, n.Body, n.Tag(), data{n.Kind, n.SessionID, n.URL(), n.RequestID, &n.Params}}
	for {
		raw, err := json.Marshal(content)
		if err != nil { // strings always marshal
			panic(err)
		}
		switch {
		case len(raw) <= webpush.MaxBody:
			return raw
		case len(content.Body) > 16: // what has to be escaped grows
			content.Body = cut(content.Body, len(content.Body)/2)
		case content.Data.Params != nil: // the texts say the same
			content.Data.Params = nil
		case content.Data.RequestID != "": // agents choose it; clients can do without
			content.Data.RequestID = ""
		default: // Send refuses it
			return raw
		}
	}
}

// topic is the tag in the form that push services take: 32 characters at most.
func topic(n *Notification) string {
	if n.Tag() == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(n.Tag()))
	return base64.RawURLEncoding.EncodeToString(sum[:])[:32]
}
