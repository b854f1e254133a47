package api

import (
	"context"
	"errors"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/id"
	"kontor.internal/libs/idem"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/identity/internal/provider"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/session"
)

type providers struct {
	identityv1.UnimplementedOidcProvidersServiceServer
	*Core
}

// mayProvide returns role.ErrNotYours unless the caller's rights are those of an administrator: whoever sets a provider can
// have it say that they are anybody.
func (s *providers) mayProvide(ctx context.Context) error {
	who := authn.MustFrom(ctx)
	most, err := s.Providers.Administrator(ctx, who.OrganizationID)
	if err != nil {
		return err
	}
	return s.Store.MayHandle(ctx, who.OrganizationID, who.UserID, most)
}

func (s *providers) message(p *provider.Provider) *identityv1.OidcProvider {
	return s.withAddresses(publish.Provider(p), p.OrganizationID)
}

func (s *providers) withAddresses(m *identityv1.OidcProvider, org string) *identityv1.OidcProvider {
	m.RedirectUri, m.SignInUri = s.External.RedirectURI(m.GetId()), s.External.SignInURI(org)
	return m
}

// CreateOidcProvider adds a provider.
func (s *providers) CreateOidcProvider(ctx context.Context, req *identityv1.CreateOidcProviderRequest) (*identityv1.CreateOidcProviderResponse, error) {
	if err := s.mayProvide(ctx); err != nil {
		return nil, err
	}
	org := authn.MustFrom(ctx).OrganizationID
	p := &provider.Provider{ID: id.New(), OrganizationID: org}
	publish.FillProvider(p, req.GetOidcProvider())
	p.Normalize()
	if err := p.Validate(s.LocalProviders); err != nil {
		return nil, err
	}
	err := s.Providers.CreateProvider(ctx, p)
	if m, again := s.Store.Replayed(ctx, org, err); again {
		first, ok := m.(*identityv1.OidcProvider)
		if !ok {
			return nil, idem.ErrReused
		}
		return &identityv1.CreateOidcProviderResponse{OidcProvider: s.withAddresses(first, org)}, nil
	}
	if err != nil {
		return nil, err
	}
	return &identityv1.CreateOidcProviderResponse{OidcProvider: s.message(p)}, nil
}

// GetOidcProvider returns a provider.
func (s *providers) GetOidcProvider(ctx context.Context, req *identityv1.GetOidcProviderRequest) (*identityv1.GetOidcProviderResponse, error) {
	p, err := s.Providers.GetProvider(ctx, authn.MustFrom(ctx).OrganizationID, req.GetId())
	if err != nil {
		return nil, err
	}
	return &identityv1.GetOidcProviderResponse{OidcProvider: s.message(p)}, nil
}

// ListOidcProviders returns all providers.
func (s *providers) ListOidcProviders(ctx context.Context, _ *identityv1.ListOidcProvidersRequest) (*identityv1.ListOidcProvidersResponse, error) {
	all, err := s.Providers.ListProviders(ctx, authn.MustFrom(ctx).OrganizationID)
	if err != nil {
		return nil, err
	}
	res := &identityv1.ListOidcProvidersResponse{}
	for _, p := range all {
		res.OidcProviders = append(res.OidcProviders, s.message(p))
	}
	return res, nil
}

// UpdateOidcProvider changes a provider.
func (s *providers) UpdateOidcProvider(ctx context.Context, req *identityv1.UpdateOidcProviderRequest) (*identityv1.UpdateOidcProviderResponse, error) {
	mask, err := aip.UpdateMask(req.GetUpdateMask(), req.GetOidcProvider(),
		"name", "issuer", "client_id", "client_secret", "scopes", "email_domains", "create_users", "default_role_ids", "department_id",
		"role_claim", "role_mappings", "second_factor_at_provider", "active")
	if err != nil {
		return nil, err
	}
	version, err := aip.Version(req.GetOidcProvider().GetEtag())
	if err != nil {
		return nil, err
	}
	if err := s.mayProvide(ctx); err != nil {
		return nil, err
	}
	org := authn.MustFrom(ctx).OrganizationID
	p, err := s.Providers.UpdateProvider(ctx, org, req.GetId(), version, func(p *provider.Provider) (*provider.Updated, error) {
		return p.Change(s.LocalProviders, func(p *provider.Provider) {
			m := publish.Provider(p)
			mask.Apply(m, req.GetOidcProvider())
			publish.FillProvider(p, m)
		})
	})
	var replay *idem.Replay
	if errors.As(err, &replay) { // a repeated change: the provider as it is
		p, err = s.Providers.GetProvider(ctx, org, req.GetId())
	}
	if err != nil {
		return nil, err
	}
	return &identityv1.UpdateOidcProviderResponse{OidcProvider: s.message(p)}, nil
}

// DeleteOidcProvider deletes a provider.
func (s *providers) DeleteOidcProvider(ctx context.Context, req *identityv1.DeleteOidcProviderRequest) (*identityv1.DeleteOidcProviderResponse, error) {
	version, err := aip.Version(req.GetEtag())
	if err != nil {
		return nil, err
	}
	if err := s.mayProvide(ctx); err != nil {
		return nil, err
	}
	err = s.Providers.DeleteProvider(ctx, authn.MustFrom(ctx).OrganizationID, req.GetId(), version)
	var replay *idem.Replay
	if err != nil && !errors.As(err, &replay) {
		return nil, err
	}
	return &identityv1.DeleteOidcProviderResponse{}, nil
}

// CheckOidcProvider asks a provider for its settings.
func (s *providers) CheckOidcProvider(ctx context.Context, req *identityv1.CheckOidcProviderRequest) (*identityv1.CheckOidcProviderResponse, error) {
	org := authn.MustFrom(ctx).OrganizationID
	p, err := s.Providers.GetProvider(ctx, org, req.GetId())
	if err != nil {
		return nil, err
	}
	if wait := s.Limiter.Take(ctx, session.Key{Kind: "oidc", Name: org}); wait > 0 {
		return nil, session.ErrLimited.RetryIn(wait)
	}
	where, err := s.External.Relying.Check(ctx, p)
	if err != nil {
		return nil, err
	}
	return &identityv1.CheckOidcProviderResponse{AuthorizationEndpoint: where}, nil
}

// ListExternalIdentities says by which providers a user is known.
func (s *providers) ListExternalIdentities(ctx context.Context, req *identityv1.ListExternalIdentitiesRequest) (*identityv1.ListExternalIdentitiesResponse, error) {
	if err := reachUser(ctx, req.GetUserId(), optionsv1.Action_ACTION_UPDATE); err != nil {
		return nil, err
	}
	org := authn.MustFrom(ctx).OrganizationID
	if _, err := s.Store.GetUser(ctx, org, req.GetUserId()); err != nil {
		return nil, err
	}
	all, err := s.Providers.Identities(ctx, org, req.GetUserId())
	if err != nil {
		return nil, err
	}
	res := &identityv1.ListExternalIdentitiesResponse{}
	for _, i := range all {
		res.ExternalIdentities = append(res.ExternalIdentities, publish.Identity(i))
	}
	return res, nil
}

// DeleteExternalIdentity disconnects a user from a provider.
func (s *providers) DeleteExternalIdentity(ctx context.Context, req *identityv1.DeleteExternalIdentityRequest) (*identityv1.DeleteExternalIdentityResponse, error) {
	if err := reachUser(ctx, req.GetUserId(), optionsv1.Action_ACTION_UPDATE); err != nil {
		return nil, err
	}
	if _, err := (&users{Core: s.Core}).mayHandle(ctx, req.GetUserId()); err != nil {
		return nil, err
	}
	err := s.Providers.Disconnect(ctx, authn.MustFrom(ctx).OrganizationID, req.GetUserId(), req.GetProviderId())
	if err != nil {
		return nil, err
	}
	return &identityv1.DeleteExternalIdentityResponse{}, nil
}

type externalSignIns struct {
	identityv1.UnimplementedExternalSignInsServiceServer
	*Core
}

// ListSignInProviders returns what the sign-in screen offers.
func (s *externalSignIns) ListSignInProviders(ctx context.Context, req *identityv1.ListSignInProvidersRequest) (*identityv1.ListSignInProvidersResponse, error) {
	res := &identityv1.ListSignInProvidersResponse{}
	org := req.GetOrganizationId()
	if org == "" {
		var err error
		if org, err = s.Providers.OnlyOrganization(ctx); err != nil || org == "" {
			return res, err
		}
	}
	all, err := s.Providers.ListProviders(ctx, org)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if p.Active {
			res.Providers = append(res.Providers, &identityv1.SignInProvider{Id: p.ID, Name: p.Name})
		}
	}
	return res, nil
}

// BeginExternalSignIn says where to send the browser.
func (s *externalSignIns) BeginExternalSignIn(ctx context.Context, req *identityv1.BeginExternalSignInRequest) (*identityv1.BeginExternalSignInResponse, error) {
	b, err := s.External.Begin(ctx, req.GetProviderId(), s.client(ctx))
	if err != nil {
		return nil, err
	}
	return &identityv1.BeginExternalSignInResponse{AuthorizationUri: b.Address, Binding: b.Binding, ExpireTime: publish.Time(b.Expires)}, nil
}

// CompleteExternalSignIn begins a session.
func (s *externalSignIns) CompleteExternalSignIn(ctx context.Context, req *identityv1.CompleteExternalSignInRequest) (*identityv1.CompleteExternalSignInResponse, error) {
	c, err := s.External.Complete(ctx, provider.Answer{
		ProviderID: req.GetProviderId(), State: req.GetState(), Code: req.GetCode(), Failure: req.GetError(), Issuer: req.GetIss(),
		Binding: req.GetBinding(), FactorCode: req.GetSecondFactorCode(), Client: s.client(ctx),
	})
	if err != nil {
		return nil, err
	}
	res := &identityv1.CompleteExternalSignInResponse{SecondFactorNeeded: c.Needed, Binding: c.Binding}
	if c.Setup != nil {
		res.SecondFactorSetup = setup(c.Setup)
	}
	if c.Access == "" {
		return res, nil
	}
	res.AccessToken, res.RefreshToken, res.ExpireTime, res.RecoveryCodes = c.Access, c.Refresh, publish.Time(c.Expires), c.Recovery
	res.Session = publish.Session(&c.Session)
	res.Session.Current = true
	return res, nil
}
