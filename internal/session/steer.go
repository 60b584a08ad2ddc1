package session

import (
	"context"
	"encoding/json"
	"errors"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// Why a prompt is not handed into the running turn, in words for people.
const (
	steerNoTurn   = "No turn is running that could take the message"
	steerNoPrompt = "The message is not in the queue any more"
	steerCommand  = "Control commands cannot be steered"
	steerConfig   = "The settings were changed since the running turn began"
	steerNotNoted = "The hub could not note that the message is handed over"
)

// callSteer hands a queued prompt into the running turn. The hub knows of each
// step before it is taken, so that a prompt is never given twice.
func (s *Session) callSteer(ctx context.Context, params json.RawMessage) (any, error) {
	var in wire.SteerParams
	if err := json.Unmarshal(params, &in); err != nil || in.LocalID == "" {
		return nil, errors.New("Invalid steer request")
	}
	if err := s.steer(ctx, in.LocalID); err != nil {
		return wire.SteerOutcome{Error: err.Error()}, nil //nolint:nilerr // the answer says it
	}
	return wire.SteerOutcome{Steered: true}, nil
}

func (s *Session) steer(ctx context.Context, id wire.LocalID) error {
	conv, ok := s.conversation().(agent.Steerer)
	if !ok || !s.steerable() {
		return &agent.NotSteered{Text: steerNoTurn}
	}
	if !s.sameSettings() {
		return &agent.NotSteered{Text: steerConfig}
	}
	i := s.queue.reserve(id)
	switch {
	case i == nil:
		return &agent.NotSteered{Text: steerNoPrompt}
	case s.isCommand(i.text):
		s.queue.release(i)
		return &agent.NotSteered{Text: steerCommand}
	}
	if err := s.link.SteerState(ctx, wire.Dispatching, id); err != nil {
		s.log.Warn("a steer was not noted", "err", err)
		s.requeue(i)
		return &agent.NotSteered{Text: steerNotNoted}
	}
	err := conv.Steer(ctx, agent.Prompt{ID: id, Text: i.text, Attachments: i.attachments})
	var refused *agent.NotSteered
	switch {
	case err == nil:
		s.steered(i)
	case errors.As(err, &refused):
		s.requeue(i)
	default:
		s.unknown(conv, i)
	}
	return err
}

// steerable says whether a turn runs that a person has not aborted.
func (s *Session) steerable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.turn != nil && !s.turn.cancelled
}

// sameSettings says whether the running turn has the settings of this moment,
// but for the model, which every turn takes as it is.
func (s *Session) sameSettings() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turn == nil {
		return false
	}
	then := s.turn.config
	then.Model = s.config.Model
	return then == s.config
}

// requeue puts a prompt back that the running turn did not take.
func (s *Session) requeue(i *item) {
	s.queue.release(i)
	s.later(func(ctx context.Context) error { return s.link.SteerState(ctx, wire.Queued, i.localID) })
}

func (s *Session) steered(i *item) {
	s.queue.steered(i)
	if err := s.link.Steered(s.ctx, i.localID); err != nil {
		s.log.Warn("the hub was not told that a prompt was steered", "err", err)
	}
}

// unknown tells people that nobody knows whether the agent has a prompt, and
// looks for a proof.
func (s *Session) unknown(conv agent.Steerer, i *item) {
	s.queue.hold(i)
	if err := s.link.Indeterminate(s.ctx, i.localID); err != nil {
		s.log.Warn("the hub was not told that a prompt's outcome is unknown", "err", err)
	}
	s.running.Go(func() {
		if conv.Took(s.ctx, i.localID) && s.queue.isHeld(i) {
			s.steered(i)
		}
	})
}

// retry queues a prompt again whose outcome was unknown.
func (s *Session) retry(q wire.RetryQueuedUpdate) wire.RetryAnswer {
	i, meta, err := itemOf(q.Message)
	if err != nil {
		return wire.RetryAnswer{}
	}
	i.overrides = s.override(meta)
	return s.queue.retry(i)
}

// announceSteering tells people whether the running turn takes prompts.
func (s *Session) announceSteering() {
	if _, ok := s.conversation().(agent.Steerer); !ok {
		return
	}
	s.later(func(ctx context.Context) error {
		return s.link.UpdateState(ctx, func(st *wire.AgentState) {
			active := s.steerable()
			st.SteeringActive = &active
		})
	})
}
