package audit

import (
	"slices"
	"strings"
	"unicode"

	"kontor.internal/libs/event"
)

// HeadBrokenType is the type of the entry that the log makes by itself when its end is not as it left it.
const HeadBrokenType = "kontor.identity.v1.AuditHeadBroken"

// Erased is the action after which the values of a record's entries are gone.
const Erased = "erased"

// Of returns the entry of an event, without its place.
func (v *Values) Of(ev *event.Event) (Entry, error) {
	payload, err := v.Reduce(ev.Type, ev.Payload)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{
		EventID: ev.ID, Type: ev.Type, Kind: ev.Kind, RecordID: ev.RecordID, Version: ev.Version, Actor: ev.Actor,
		Address: ev.Address, RequestID: ev.RequestID, Cause: ev.Cause, HappenedAt: ev.HappenedAt, Payload: payload,
	}
	if parts := strings.Split(ev.TraceParent, "-"); len(parts) == 4 {
		e.TraceID = parts[1]
	}
	e.Action = v.action(ev.Kind, ev.Type)
	e.Class = classOf(e.Kind, e.Action)
	return e, nil
}

// actionOf names what an event tells was done: what is left of its name without the kind, in lower case.
func actionOf(kind, eventType string) string {
	name := eventType[strings.LastIndexByte(eventType, '.')+1:]
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	snake := b.String()
	if rest, ok := strings.CutPrefix(snake, kind+"_"); ok {
		return rest
	}
	return snake
}

// classOf sorts what was done.
func classOf(kind, action string) Class {
	switch {
	case strings.HasSuffix(action, "exported") || kind == "export":
		return Export
	case strings.HasSuffix(action, "played"):
		return Playback
	case slices.Contains([]string{"session", "sign_in", "api_key_use"}, kind):
		return SignIn
	case slices.Contains([]string{"user", "department", "role", "service_account", "api_key", "oidc_provider", "share", "audit"}, kind):
		return Permission
	case strings.HasSuffix(kind, "settings") || slices.Contains([]string{
		"organization", "pipeline", "price_type", "custom_field", "exchange_rate", "view", "status", "tag",
	}, kind):
		return Settings
	}
	return Record
}
