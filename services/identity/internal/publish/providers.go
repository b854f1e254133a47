package publish

import (
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/event"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/identity/internal/provider"
)

// KindProvider is the kind of OpenID Connect providers in events.
const KindProvider = "oidc_provider"

// Provider is the message of a provider, without its secret and the addresses that depend on where we are.
func Provider(p *provider.Provider) *identityv1.OidcProvider {
	m := &identityv1.OidcProvider{
		Id: p.ID, Name: p.Name, Issuer: p.Issuer, ClientId: p.ClientID, ClientSecretSet: p.SecretSet, Scopes: p.Scopes,
		EmailDomains: p.Domains, CreateUsers: p.CreateUsers, DefaultRoleIds: p.DefaultRoleIDs, DepartmentId: p.DepartmentID,
		RoleClaim: p.RoleClaim, SecondFactorAtProvider: p.FactorElsewhere, Active: p.Active, Etag: aip.Etag(p.Version),
		CreateTime: Time(p.CreatedAt), UpdateTime: Time(p.UpdatedAt),
	}
	for _, x := range p.Mappings {
		m.RoleMappings = append(m.RoleMappings, &identityv1.OidcRoleMapping{Value: x.Value, RoleId: x.RoleID})
	}
	return m
}

// FillProvider sets the fields of a provider that a caller may set.
func FillProvider(p *provider.Provider, m *identityv1.OidcProvider) {
	p.Name, p.Issuer, p.ClientID, p.ClientSecret = m.GetName(), m.GetIssuer(), m.GetClientId(), m.GetClientSecret()
	p.Scopes, p.Domains, p.CreateUsers = m.GetScopes(), m.GetEmailDomains(), m.GetCreateUsers()
	p.DefaultRoleIDs, p.DepartmentID, p.RoleClaim = m.GetDefaultRoleIds(), m.GetDepartmentId(), m.GetRoleClaim()
	p.FactorElsewhere, p.Active = m.GetSecondFactorAtProvider(), m.GetActive()
	p.Mappings = nil
	for _, x := range m.GetRoleMappings() {
		p.Mappings = append(p.Mappings, provider.Mapping{Value: x.GetValue(), RoleID: x.GetRoleId()})
	}
}

// ProviderCreated says that a provider was added.
func ProviderCreated(p *provider.Provider) event.Event {
	return providerEvent(p, &identityv1.OidcProviderCreated{OidcProvider: Provider(p)})
}

// ProviderUpdated says that a provider was changed.
func ProviderUpdated(u *provider.Updated) event.Event {
	return providerEvent(&u.Provider, &identityv1.OidcProviderUpdated{
		OidcProvider: Provider(&u.Provider), Previous: Provider(&u.Previous), UpdateMask: mask(u.Fields),
	})
}

// ProviderDeleted says that a provider is gone; its version is one above the last.
func ProviderDeleted(p *provider.Provider) event.Event {
	return providerEvent(p, &identityv1.OidcProviderDeleted{OidcProvider: Provider(p)})
}

func providerEvent(p *provider.Provider, msg proto.Message) event.Event {
	return event.New(Topic, KindProvider, p.ID, p.Version, msg)
}

// Identity is the message of a user's connection with a provider.
func Identity(i *provider.Identity) *identityv1.ExternalIdentity {
	return &identityv1.ExternalIdentity{
		ProviderId: i.ProviderID, Subject: i.Subject, Email: i.Email, CreateTime: Time(i.CreatedAt), LastUseTime: Time(i.LastUsedAt),
	}
}
