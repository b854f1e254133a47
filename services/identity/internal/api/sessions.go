package api

import (
	"context"
	"errors"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/session"
	"kontor.internal/services/identity/internal/store"
)

type sessions struct {
	identityv1.UnimplementedSessionsServiceServer
	*Core
}

// CreateSession signs in.
func (s *sessions) CreateSession(ctx context.Context, req *identityv1.CreateSessionRequest) (*identityv1.CreateSessionResponse, error) {
	in := session.SignIn{
		Email: req.GetEmail(), Password: req.GetPassword(), OrganizationID: req.GetOrganizationId(),
		NewPassword: req.GetNewPassword(), Code: req.GetCode(), Client: s.client(ctx),
	}
	t, err := s.Sessions.SignIn(ctx, in)
	if err != nil {
		if refused, told := session.RefusalOf(in, err, s.Clock.Now()); told {
			if terr := s.Audit.Refuse(ctx, refused); terr != nil {
				s.Log.ErrorContext(ctx, "refused sign-in not told", "error", terr)
			}
		}
		return nil, err
	}
	res := &identityv1.CreateSessionResponse{}
	for _, m := range t.Choices {
		res.Organizations = append(res.Organizations, &identityv1.OrganizationChoice{Id: m.OrganizationID, Name: m.OrganizationName})
	}
	if t.Setup != nil {
		res.SecondFactorSetup = setup(t.Setup)
	}
	if len(t.Choices) > 0 || t.Setup != nil {
		return res, nil
	}
	res.RecoveryCodes = t.Recovery
	res.AccessToken, res.RefreshToken, res.ExpireTime = t.Access, t.Refresh, publish.Time(t.Expires)
	res.Session = publish.Session(&t.Session)
	res.Session.Current = true
	return res, nil
}

// RefreshSession exchanges a refresh token.
func (s *sessions) RefreshSession(ctx context.Context, req *identityv1.RefreshSessionRequest) (*identityv1.RefreshSessionResponse, error) {
	t, err := s.Sessions.Refresh(ctx, req.GetRefreshToken(), s.client(ctx))
	if err != nil {
		return nil, err
	}
	p := publish.Session(&t.Session)
	p.Current = true
	return &identityv1.RefreshSessionResponse{
		AccessToken: t.Access, RefreshToken: t.Refresh, ExpireTime: publish.Time(t.Expires), Session: p,
	}, nil
}

// SignOut ends the session of a refresh token or of the caller.
func (s *sessions) SignOut(ctx context.Context, req *identityv1.SignOutRequest) (*identityv1.SignOutResponse, error) {
	if req.GetRefreshToken() != "" {
		return &identityv1.SignOutResponse{}, s.Sessions.SignOut(ctx, req.GetRefreshToken())
	}
	md, _ := metadata.FromIncomingContext(ctx)
	p, err := s.Verify(ctx, authn.BearerToken(md))
	if err != nil || p.SessionID == "" {
		return &identityv1.SignOutResponse{}, nil //nolint:nilerr // Nobody is signed in: that is what was asked for.
	}
	return &identityv1.SignOutResponse{}, s.Sessions.End(ctx, p.OrganizationID, p.UserID, p.SessionID, session.SignedOut)
}

// whose returns whose sessions a list is of.
func whose(ctx context.Context, userID string) (string, error) {
	who := authn.MustFrom(ctx)
	if userID == "" || userID == who.UserID {
		return who.UserID, nil
	}
	if !authz.For(ctx, "user", optionsv1.Action_ACTION_UPDATE).Allows(userID) {
		return "", session.ErrForbidden
	}
	return userID, nil
}

// ListSessions pages through open sessions.
func (s *sessions) ListSessions(ctx context.Context, req *identityv1.ListSessionsRequest) (*identityv1.ListSessionsResponse, error) {
	who := authn.MustFrom(ctx)
	userID, err := whose(ctx, req.GetUserId())
	if err != nil {
		return nil, err
	}
	l, err := store.SessionSchema().List(req, who.OrganizationID, userID)
	if err != nil {
		return nil, err
	}
	all, next, err := s.Store.ListSessions(ctx, who.OrganizationID, userID, l, s.Clock.Now())
	if err != nil {
		return nil, err
	}
	res := &identityv1.ListSessionsResponse{NextPageToken: next}
	for _, x := range all {
		p := publish.Session(x)
		p.Current = x.ID == who.SessionID
		res.Sessions = append(res.Sessions, p)
	}
	return res, nil
}

// CountSessions counts open sessions.
func (s *sessions) CountSessions(ctx context.Context, req *identityv1.CountSessionsRequest) (*identityv1.CountSessionsResponse, error) {
	userID, err := whose(ctx, req.GetUserId())
	if err != nil {
		return nil, err
	}
	l, err := store.SessionSchema().List(filterOnly{req.GetFilter()})
	if err != nil {
		return nil, err
	}
	n, more, err := s.Store.CountSessions(ctx, authn.MustFrom(ctx).OrganizationID, userID, l, s.Clock.Now())
	if err != nil {
		return nil, err
	}
	return &identityv1.CountSessionsResponse{Count: int32(n), More: more}, nil
}

// EndSession ends a session of the caller's own, or of a user the caller may change.
func (s *sessions) EndSession(ctx context.Context, req *identityv1.EndSessionRequest) (*identityv1.EndSessionResponse, error) {
	who := authn.MustFrom(ctx)
	err := s.Sessions.End(ctx, who.OrganizationID, who.UserID, req.GetId(), session.Ended)
	if errors.Is(err, session.ErrNotFound) {
		if authz.For(ctx, "user", optionsv1.Action_ACTION_UPDATE).All() {
			err = s.Sessions.End(ctx, who.OrganizationID, "", req.GetId(), session.Ended)
		}
	}
	if err != nil {
		return nil, err
	}
	return &identityv1.EndSessionResponse{}, nil
}

type keys struct {
	identityv1.UnimplementedKeysServiceServer
	*Core
}

// GetJwks returns the public keys.
func (s *keys) GetJwks(ctx context.Context, _ *identityv1.GetJwksRequest) (*identityv1.GetJwksResponse, error) {
	public, err := s.Keys.Public(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := authn.JWKS(public)
	if err != nil {
		return nil, err
	}
	res := &identityv1.GetJwksResponse{}
	return res, protojson.Unmarshal(raw, res)
}
