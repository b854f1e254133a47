package api

import (
	"context"
	"errors"
	"strings"
	"time"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/id"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/identity/internal/apikey"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/session"
	"kontor.internal/services/identity/internal/store"
)

type apiKeys struct {
	identityv1.UnimplementedApiKeysServiceServer
	*Core
}

// CreateApiKey makes a key and shows its secret.
func (s *apiKeys) CreateApiKey(ctx context.Context, req *identityv1.CreateApiKeyRequest) (*identityv1.CreateApiKeyResponse, error) {
	who := authn.MustFrom(ctx)
	in := req.GetApiKey()
	networks, err := apikey.ParseNetworks(in.GetAllowedNetworks())
	if err != nil {
		return nil, err
	}
	k := &apikey.Key{
		ID: id.New(), Name: strings.TrimSpace(in.GetName()), ServiceAccountID: in.GetServiceAccountId(), Networks: networks,
		ExpiresAt: publish.FromTime(in.GetExpireTime()).Truncate(time.Microsecond),
	}
	if err := k.Validate(s.Clock.Now()); err != nil {
		return nil, err
	}
	account, err := s.Store.GetServiceAccount(ctx, who.OrganizationID, k.ServiceAccountID)
	if err != nil {
		return nil, err
	}
	// A key is as good as the service account: nobody takes one of an account that may do more than they.
	if err := s.Store.MayHandle(ctx, who.OrganizationID, who.UserID, account.RoleIDs...); err != nil {
		return nil, err
	}
	secret, hash := apikey.NewSecret(k.ID)
	if k, err = s.Store.CreateKey(ctx, who.OrganizationID, k, hash); err != nil {
		return nil, err
	}
	return &identityv1.CreateApiKeyResponse{ApiKey: publish.APIKey(k), Secret: secret}, nil
}

// GetApiKey returns a key without its secret.
func (s *apiKeys) GetApiKey(ctx context.Context, req *identityv1.GetApiKeyRequest) (*identityv1.GetApiKeyResponse, error) {
	k, err := s.Store.GetKey(ctx, authn.MustFrom(ctx).OrganizationID, req.GetId())
	if err != nil {
		return nil, err
	}
	return &identityv1.GetApiKeyResponse{ApiKey: publish.APIKey(k)}, nil
}

// ListApiKeys pages through the keys.
func (s *apiKeys) ListApiKeys(ctx context.Context, req *identityv1.ListApiKeysRequest) (*identityv1.ListApiKeysResponse, error) {
	org := authn.MustFrom(ctx).OrganizationID
	l, err := store.KeySchema().List(req, org)
	if err != nil {
		return nil, err
	}
	all, next, err := s.Store.ListKeys(ctx, org, l)
	if err != nil {
		return nil, err
	}
	res := &identityv1.ListApiKeysResponse{NextPageToken: next}
	for _, k := range all {
		res.ApiKeys = append(res.ApiKeys, publish.APIKey(k))
	}
	return res, nil
}

// CountApiKeys counts keys.
func (s *apiKeys) CountApiKeys(ctx context.Context, req *identityv1.CountApiKeysRequest) (*identityv1.CountApiKeysResponse, error) {
	l, err := store.KeySchema().List(filterOnly{req.GetFilter()})
	if err != nil {
		return nil, err
	}
	n, more, err := s.Store.CountKeys(ctx, authn.MustFrom(ctx).OrganizationID, l)
	if err != nil {
		return nil, err
	}
	return &identityv1.CountApiKeysResponse{Count: int32(n), More: more}, nil
}

// RevokeApiKey makes a key stop working.
func (s *apiKeys) RevokeApiKey(ctx context.Context, req *identityv1.RevokeApiKeyRequest) (*identityv1.RevokeApiKeyResponse, error) {
	k, err := s.Store.RevokeKey(ctx, authn.MustFrom(ctx).OrganizationID, req.GetId(), s.Clock.Now())
	if err != nil {
		return nil, err
	}
	return &identityv1.RevokeApiKeyResponse{ApiKey: publish.APIKey(k)}, nil
}

// ExchangeApiKey gives the gateway an access token for a key.
func (s *apiKeys) ExchangeApiKey(ctx context.Context, req *identityv1.ExchangeApiKeyRequest) (*identityv1.ExchangeApiKeyResponse, error) {
	attempt := session.Key{Kind: "api-key", Name: req.GetAddress()}
	if wait := s.Limiter.Take(ctx, attempt); wait > 0 {
		return nil, session.ErrLimited.RetryIn(wait)
	}
	k, org, err := s.usable(ctx, req)
	if err != nil {
		return nil, err
	}
	s.Limiter.Forgive(ctx, attempt)
	now := s.Clock.Now()
	if now.Sub(k.LastUsedAt) >= time.Minute || k.LastUsedAddress != req.GetAddress() {
		if err := s.Store.TouchKey(ctx, org, k, clip(req.GetAddress(), 64), now); err != nil {
			// That the use is not seen is no reason to refuse it.
			s.Log.WarnContext(ctx, "use of API key not noted", "error", err)
		}
	}
	token, expires, err := s.Keys.Sign(ctx, authn.Principal{OrganizationID: org, UserID: k.ServiceAccountID})
	if err != nil {
		return nil, err
	}
	if !k.ExpiresAt.IsZero() && k.ExpiresAt.Before(expires) {
		expires = k.ExpiresAt // the token is worth nothing more than the key
	}
	return &identityv1.ExchangeApiKeyResponse{
		AccessToken: token, ExpireTime: publish.Time(expires), AllowedNetworks: publish.Networks(k.Networks),
	}, nil
}

// usable returns the key that a secret belongs to, or apikey.ErrRefused.
func (s *apiKeys) usable(ctx context.Context, req *identityv1.ExchangeApiKeyRequest) (*apikey.Key, string, error) {
	keyID, given, err := apikey.Parse(req.GetSecret())
	if err != nil {
		return nil, "", err
	}
	hash, org, err := s.Store.FindKey(ctx, keyID)
	if errors.Is(err, apikey.ErrNotFound) || (err == nil && !apikey.Same(hash, given)) {
		return nil, "", apikey.ErrRefused
	}
	if err != nil {
		return nil, "", err
	}
	k, err := s.Store.UsableKey(ctx, org, keyID)
	if errors.Is(err, apikey.ErrNotFound) {
		return nil, "", apikey.ErrRefused
	}
	if err != nil {
		return nil, "", err
	}
	return k, org, k.Usable(s.Clock.Now(), req.GetAddress())
}
