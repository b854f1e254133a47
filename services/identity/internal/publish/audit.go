package publish

import (
	"kontor.internal/libs/event"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/identity/internal/apikey"
	"kontor.internal/services/identity/internal/session"
)

// Kinds of what changes no record, and is told for the audit log.
const (
	KindSignIn = "sign_in"
	KindKeyUse = "api_key_use"
)

// KeyUsed says that a key was used. useID names the use.
func KeyUsed(k *apikey.Key, useID, address string) event.Event {
	return event.New(Topic, KindKeyUse, useID, 1, &identityv1.ApiKeyUsed{ApiKeyUse: &identityv1.ApiKeyUse{
		Id: useID, ApiKeyId: k.ID, ServiceAccountId: k.ServiceAccountID, Address: address,
	}}, event.Actor(k.ServiceAccountID), event.Address(address))
}

// SignInRefused says that somebody tried to sign in as the user and could not.
func SignInRefused(userID string, r *session.Refused) event.Event {
	return event.New(Topic, KindSignIn, r.ID, 1, &identityv1.SignInRefused{SignInAttempt: &identityv1.SignInAttempt{
		Id: r.ID, UserId: userID, Address: r.Address, UserAgent: r.UserAgent, CreateTime: Time(r.At),
		Refusal: identityv1.SignInRefusal(r.Why),
	}}, event.Actor(userID), event.Address(r.Address), event.Happened(r.At))
}
