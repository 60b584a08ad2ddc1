package messages

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"hapi/internal/hub/sessions"
	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// furthestSchedule is how far ahead a message may be scheduled.
const furthestSchedule = 7 * 24 * time.Hour

// How a prompt is to reach the agent: after the turn that runs, or into it.
const (
	deliverQueue = "queue"
	deliverSteer = "steer"
)

// ErrNoText refuses a message without anything in it.
var ErrNoText = &wire.Error{Kind: wire.Invalid, Text: "Message requires text or attachments"}

// Send queues what a person says for the session's agent. The same local id
// again is the same message: the stored row comes back, is delivered and
// announced again. A message without a local id gets one, so that it waits for
// the agent like any other and is not lost.
func (s *Service) Send(ctx context.Context, ns wire.Namespace, id wire.SessionID, in wire.SendRequest, sentFrom string) (wire.Message, error) {
	session, err := s.sessions.Active(ns, id)
	if err != nil {
		return wire.Message{}, err
	}
	if err := s.validate(&in); err != nil {
		return wire.Message{}, err
	}
	content, err := userContent(&in, sentFrom, deliveryMode(&session, &in))
	if err != nil {
		return wire.Message{}, err
	}
	local := in.LocalID
	if local == nil {
		made := wire.LocalID("hub-" + s.newID())
		local = &made
	}
	return s.queue(ctx, session.Namespace, id, store.NewMessage{
		ID: wire.MessageID(s.newID()), LocalID: local, Content: content, CreatedAt: wire.At(s.now()), ScheduledAt: in.ScheduledAt,
	})
}

func (s *Service) validate(in *wire.SendRequest) error {
	var issues *wire.Issues
	if in.Text == nil && len(in.Attachments) == 0 {
		issues = issues.Field("text", "Required")
	}
	if in.LocalID != nil && *in.LocalID == "" {
		issues = issues.Field("localId", "localId must not be empty")
	}
	if in.DeliveryMode != nil && *in.DeliveryMode != deliverQueue && *in.DeliveryMode != deliverSteer {
		issues = issues.Field("deliveryMode", "deliveryMode must be queue or steer")
	}
	issues = s.validateSchedule(in, issues)
	if issues != nil {
		return wire.ErrInvalidBody.With(issues)
	}
	if (in.Text == nil || *in.Text == "") && len(in.Attachments) == 0 {
		return ErrNoText
	}
	return nil
}

func (s *Service) validateSchedule(in *wire.SendRequest, issues *wire.Issues) *wire.Issues {
	if in.ScheduledAt == nil {
		return issues
	}
	switch {
	case *in.ScheduledAt <= 0:
		issues = issues.Field("scheduledAt", "scheduledAt must be a positive time in milliseconds")
	case *in.ScheduledAt > wire.At(s.now().Add(furthestSchedule)):
		issues = issues.Field("scheduledAt", "scheduledAt must be at most 7 days ahead")
	}
	if in.LocalID == nil {
		issues = issues.Field("localId", "scheduledAt needs a localId")
	}
	if len(in.Attachments) > 0 {
		issues = issues.Field("attachments", "a scheduled message cannot have attachments")
	}
	if in.DeliveryMode != nil && *in.DeliveryMode == deliverSteer {
		issues = issues.Field("deliveryMode", "a scheduled message cannot steer")
	}
	return issues
}

// deliveryMode is queue, but for Pi, whose process can steer at once: for all
// others a person steers what is queued (Steer).
func deliveryMode(session *wire.Session, in *wire.SendRequest) string {
	if in.DeliveryMode != nil && *in.DeliveryMode == deliverSteer && sessions.Flavor(session) == wire.FlavorPi {
		return deliverSteer
	}
	return deliverQueue
}

// userContent is the stored form of a prompt.
func userContent(in *wire.SendRequest, sentFrom, mode string) (json.RawMessage, error) {
	type text struct {
		Type        string            `json:"type"`
		Text        string            `json:"text"`
		Attachments []wire.Attachment `json:"attachments,omitempty"`
	}
	type meta struct {
		SentFrom     string `json:"sentFrom"`
		DeliveryMode string `json:"deliveryMode"`
	}
	c := struct {
		Role    string `json:"role"`
		Content text   `json:"content"`
		Meta    meta   `json:"meta"`
	}{"user", text{Type: "text", Attachments: in.Attachments}, meta{sentFrom, mode}}
	if in.Text != nil {
		c.Content.Text = *in.Text
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return raw, nil
}

func (s *Service) queue(ctx context.Context, ns wire.Namespace, id wire.SessionID, n store.NewMessage) (wire.Message, error) {
	var row store.Message
	var inserted bool
	var touched func()
	err := s.store.WriteJob(ctx, store.Job{
		Do: func(tx *store.Tx) (err error) {
			touched = nil
			if s.sessions.HistoryBusy(id) {
				return wire.ErrHistoryBusy
			}
			if row, inserted, err = tx.InsertMessage(ctx, id, n); err != nil {
				return err
			}
			// A prompt for later is no activity yet.
			if inserted && s.deliverable(&row) {
				if touched, err = s.sessions.Touch(ctx, tx, id, row.CreatedAt); err != nil {
					return err
				}
			}
			w := row.Wire()
			tx.Announce(wire.MessageReceivedEvent(ns, id, &w))
			return nil
		},
		Applied: func() {
			if touched != nil {
				touched()
			}
		},
	})
	if err != nil {
		return wire.Message{}, fmt.Errorf("queue message: %w", err)
	}
	w := row.Wire()
	if s.deliverable(&row) {
		s.handOver(id, &row, inserted)
		if inserted {
			s.sessions.PromptAccepted(id, row.CreatedAt)
		}
	}
	return w, nil
}

// deliverable says whether a row may be given to the agent now.
func (s *Service) deliverable(m *store.Message) bool {
	return m.Pending() && m.State == wire.Queued && (m.ScheduledAt == nil || *m.ScheduledAt <= wire.At(s.now()))
}

// LocalIDs keeps the entries that are strings.
func LocalIDs(raw []json.RawMessage) []wire.LocalID {
	var ids []wire.LocalID
	for _, r := range raw {
		var id string
		if strings.HasPrefix(string(r), `"`) && json.Unmarshal(r, &id) == nil {
			ids = append(ids, wire.LocalID(id))
		}
	}
	return ids
}
