// Package api is identity's face: it turns requests into commands and answers into messages. What is allowed and what
// holds is decided by the aggregates.
package api

import (
	"context"
	"log/slog"
	"net"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/imports"
	"kontor.internal/libs/operation"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/identity/internal/founding"
	"kontor.internal/services/identity/internal/handover"
	"kontor.internal/services/identity/internal/link"
	"kontor.internal/services/identity/internal/phone"
	"kontor.internal/services/identity/internal/presence"
	"kontor.internal/services/identity/internal/provider"
	"kontor.internal/services/identity/internal/session"
	"kontor.internal/services/identity/internal/signing"
	"kontor.internal/services/identity/internal/smtp"
	"kontor.internal/services/identity/internal/store"
	"kontor.internal/services/identity/internal/user"
)

// Core is what the services of this package stand on.
type Core struct {
	Store      *store.Store
	Sessions   *session.Service
	Keys       *signing.Keys
	Presence   *presence.Presence
	Limiter    session.Limiter
	Founding   *founding.Service
	Imports    *imports.Runner
	Operations *operation.Store
	Handovers  *store.Handovers
	// Invited makes users who are invited at once, and Links does what links sent by mail are for.
	Invited *store.Links
	Links   *link.Service
	// Books are where other contexts' records are that have a responsible user.
	Books []handover.Book
	Mail  *smtp.Sender
	// Audit is the audit log.
	Audit *store.Audit
	// Providers keeps OpenID Connect providers, and External signs people in with them.
	Providers *store.Providers
	External  *provider.Service
	// LocalProviders lets providers be on this machine, without TLS.
	LocalProviders bool
	// Verify checks an access token on methods that are open to everybody.
	Verify func(ctx context.Context, token string) (authn.Principal, error)
	// Services proves that a call is from a service of the suite, such as the gateway.
	Services authn.ServiceSecret
	Clock    clock.Clock
	Log      *slog.Logger
}

// Register puts all services of identity on a server.
func (c *Core) Register(to grpc.ServiceRegistrar) {
	identityv1.RegisterUsersServiceServer(to, &users{Core: c})
	identityv1.RegisterDepartmentsServiceServer(to, &departments{Core: c})
	identityv1.RegisterRolesServiceServer(to, &roles{Core: c})
	identityv1.RegisterSessionsServiceServer(to, &sessions{Core: c})
	identityv1.RegisterKeysServiceServer(to, &keys{Core: c})
	identityv1.RegisterMeServiceServer(to, &me{Core: c})
	identityv1.RegisterSettingsServiceServer(to, &settings{Core: c})
	identityv1.RegisterServiceAccountsServiceServer(to, &serviceAccounts{Core: c})
	identityv1.RegisterApiKeysServiceServer(to, &apiKeys{Core: c})
	identityv1.RegisterOrganizationsServiceServer(to, &organizations{Core: c})
	identityv1.RegisterInternalServiceServer(to, &internal{Core: c})
	identityv1.RegisterOperationsServiceServer(to, &operations{Core: c})
	identityv1.RegisterSearchServiceServer(to, finder{})
	identityv1.RegisterViewsServiceServer(to, &views{Core: c})
	identityv1.RegisterInvitationsServiceServer(to, &invitations{Core: c})
	identityv1.RegisterLinksServiceServer(to, &links{Core: c})
	identityv1.RegisterAuditServiceServer(to, &auditLog{Core: c})
	identityv1.RegisterOidcProvidersServiceServer(to, &providers{Core: c})
	identityv1.RegisterExternalSignInsServiceServer(to, &externalSignIns{Core: c})
}

// reachUser returns user.ErrNotFound unless the caller sees the user, and NOT_PERMITTED unless the caller may do what
// the method does to it.
func reachUser(ctx context.Context, id string, action optionsv1.Action) error {
	if !authz.For(ctx, "user", optionsv1.Action_ACTION_VIEW).Allows(id) {
		return user.ErrNotFound
	}
	if !authz.For(ctx, "user", action).Allows(id) {
		return authz.NotPermitted("user", action)
	}
	return nil
}

// withE164 fills in the international form of numbers, by the country of the organisation.
func withE164(ctx context.Context, org string, phones []user.Phone) {
	country := ""
	if d := authz.DirectoryFrom(ctx); d != nil {
		o, _ := d.Organization(org)
		country = o.Country
	}
	for i := range phones {
		phones[i].Number = strings.TrimSpace(phones[i].Number)
		phones[i].E164 = phone.E164(phones[i].Number, country)
	}
}

// client says where a call comes from: the gateway names its caller, everybody else is the peer. Who does not prove to
// be the gateway could name another address with each attempt, and would never be limited.
func (c *Core) client(ctx context.Context) session.Client {
	md, _ := metadata.FromIncomingContext(ctx)
	from := session.Client{UserAgent: whole(md.Get("grpcgateway-user-agent"))}
	if _, err := c.Services.Check(md); err == nil {
		from.Address = last(md.Get("x-forwarded-for"))
	}
	if from.Address == "" {
		from.Address = authn.Address(ctx)
	}
	if from.Address == "" {
		if p, ok := peer.FromContext(ctx); ok {
			from.Address = p.Addr.String()
			if host, _, err := net.SplitHostPort(from.Address); err == nil {
				from.Address = host
			}
		}
	}
	if from.UserAgent == "" {
		from.UserAgent = whole(md.Get("user-agent"))
	}
	from.Address, from.UserAgent = clip(from.Address, 64), clip(from.UserAgent, 256)
	return from
}

// last is the last of the comma-separated values: earlier ones may have been written by anybody.
func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	all := strings.Split(values[len(values)-1], ",")
	return strings.TrimSpace(all[len(all)-1])
}

func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "")
	for len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return strings.ReplaceAll(s, "\x00", "")
}

// whole is the last value as it is.
func whole(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}
