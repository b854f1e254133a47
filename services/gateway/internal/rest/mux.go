// Package rest is the REST face: it turns JSON over HTTP into calls of the services, and their answers back.
//
// The routes come from the google.api.http options in the protos. This package adds what HTTP asks for beside them:
// problem details, Idempotency-Key, ETag and If-Match.
package rest

import (
	"context"
	"fmt"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	reportingv1 "kontor.internal/proto/gen/kontor/reporting/v1"
	searchv1 "kontor.internal/proto/gen/kontor/search/v1"
)

// Services are the connections to the services behind the gateway.
type Services struct {
	Identity, Files, Contacts, Catalog, Deals, Reporting grpc.ClientConnInterface
}

// AnswerFunc may add headers to an answer before it is written, or change the answer.
type AnswerFunc func(ctx context.Context, w http.ResponseWriter, answer proto.Message) error

// NewMux returns the handler of every route in the protos. onAnswer sees each answer after the ETag is set.
func NewMux(ctx context.Context, s Services, onAnswer AnswerFunc) (*runtime.ServeMux, error) {
	etags := newETags()
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, newMarshaler()),
		runtime.WithWriteContentLength(),
		runtime.WithErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler,
			w http.ResponseWriter, r *http.Request, err error,
		) {
			WriteError(w, r, err)
		}),
		runtime.WithRoutingErrorHandler(routingError),
		runtime.WithIncomingHeaderMatcher(incoming),
		runtime.WithOutgoingHeaderMatcher(nothing),
		runtime.WithOutgoingTrailerMatcher(nothing),
		runtime.WithForwardResponseOption(etags.write),
		runtime.WithForwardResponseOption(onAnswer),
		runtime.WithDisableHTTPMethodOverride(),
	)
	return mux, register(ctx, mux, s)
}

// incoming lets the name of the caller's program become metadata, for the list of sessions, and no other header. The
// authorization header, the client's address and the trace pass all the same.
func incoming(header string) (string, bool) {
	return runtime.MetadataPrefix + "user-agent", header == "User-Agent"
}

// nothing keeps metadata from becoming headers.
func nothing(string) (string, bool) { return "", false }

func register(ctx context.Context, mux *runtime.ServeMux, s Services) error {
	errs := []error{
		identityv1.RegisterSessionsServiceHandlerClient(ctx, mux, identityv1.NewSessionsServiceClient(s.Identity)),
		identityv1.RegisterKeysServiceHandlerClient(ctx, mux, identityv1.NewKeysServiceClient(s.Identity)),
		identityv1.RegisterMeServiceHandlerClient(ctx, mux, identityv1.NewMeServiceClient(s.Identity)),
		identityv1.RegisterUsersServiceHandlerClient(ctx, mux, identityv1.NewUsersServiceClient(s.Identity)),
		identityv1.RegisterDepartmentsServiceHandlerClient(ctx, mux, identityv1.NewDepartmentsServiceClient(s.Identity)),
		identityv1.RegisterRolesServiceHandlerClient(ctx, mux, identityv1.NewRolesServiceClient(s.Identity)),
		identityv1.RegisterSettingsServiceHandlerClient(ctx, mux, identityv1.NewSettingsServiceClient(s.Identity)),
		identityv1.RegisterServiceAccountsServiceHandlerClient(ctx, mux, identityv1.NewServiceAccountsServiceClient(s.Identity)),
		identityv1.RegisterApiKeysServiceHandlerClient(ctx, mux, identityv1.NewApiKeysServiceClient(s.Identity)),
		identityv1.RegisterViewsServiceHandlerClient(ctx, mux, identityv1.NewViewsServiceClient(s.Identity)),
		identityv1.RegisterInvitationsServiceHandlerClient(ctx, mux, identityv1.NewInvitationsServiceClient(s.Identity)),
		identityv1.RegisterLinksServiceHandlerClient(ctx, mux, identityv1.NewLinksServiceClient(s.Identity)),
		identityv1.RegisterAuditServiceHandlerClient(ctx, mux, identityv1.NewAuditServiceClient(s.Identity)),
		identityv1.RegisterOidcProvidersServiceHandlerClient(ctx, mux, identityv1.NewOidcProvidersServiceClient(s.Identity)),
		identityv1.RegisterExternalSignInsServiceHandlerClient(ctx, mux, identityv1.NewExternalSignInsServiceClient(s.Identity)),
		filesv1.RegisterFilesServiceHandlerClient(ctx, mux, filesv1.NewFilesServiceClient(s.Files)),
		contactsv1.RegisterLeadsServiceHandlerClient(ctx, mux, contactsv1.NewLeadsServiceClient(s.Contacts)),
		contactsv1.RegisterContactsServiceHandlerClient(ctx, mux, contactsv1.NewContactsServiceClient(s.Contacts)),
		contactsv1.RegisterCompaniesServiceHandlerClient(ctx, mux, contactsv1.NewCompaniesServiceClient(s.Contacts)),
		contactsv1.RegisterDuplicatesServiceHandlerClient(ctx, mux, contactsv1.NewDuplicatesServiceClient(s.Contacts)),
		contactsv1.RegisterMergesServiceHandlerClient(ctx, mux, contactsv1.NewMergesServiceClient(s.Contacts)),
		contactsv1.RegisterBulkServiceHandlerClient(ctx, mux, contactsv1.NewBulkServiceClient(s.Contacts)),
		contactsv1.RegisterScreeningServiceHandlerClient(ctx, mux, contactsv1.NewScreeningServiceClient(s.Contacts)),
		contactsv1.RegisterTagsServiceHandlerClient(ctx, mux, contactsv1.NewTagsServiceClient(s.Contacts)),
		contactsv1.RegisterSettingsServiceHandlerClient(ctx, mux, contactsv1.NewSettingsServiceClient(s.Contacts)),
		catalogv1.RegisterProductsServiceHandlerClient(ctx, mux, catalogv1.NewProductsServiceClient(s.Catalog)),
		catalogv1.RegisterBulkServiceHandlerClient(ctx, mux, catalogv1.NewBulkServiceClient(s.Catalog)),
		catalogv1.RegisterSectionsServiceHandlerClient(ctx, mux, catalogv1.NewSectionsServiceClient(s.Catalog)),
		catalogv1.RegisterPriceTypesServiceHandlerClient(ctx, mux, catalogv1.NewPriceTypesServiceClient(s.Catalog)),
		catalogv1.RegisterCurrenciesServiceHandlerClient(ctx, mux, catalogv1.NewCurrenciesServiceClient(s.Catalog)),
		dealsv1.RegisterDealsServiceHandlerClient(ctx, mux, dealsv1.NewDealsServiceClient(s.Deals)),
		dealsv1.RegisterClientsServiceHandlerClient(ctx, mux, dealsv1.NewClientsServiceClient(s.Deals)),
		dealsv1.RegisterBulkServiceHandlerClient(ctx, mux, dealsv1.NewBulkServiceClient(s.Deals)),
		dealsv1.RegisterPipelinesServiceHandlerClient(ctx, mux, dealsv1.NewPipelinesServiceClient(s.Deals)),
		reportingv1.RegisterReportsServiceHandlerClient(ctx, mux, reportingv1.NewReportsServiceClient(s.Reporting)),
		operationv1.RegisterOperationsServiceHandlerClient(ctx, mux, newOperations(s)),
		searchv1.RegisterSearchServiceHandlerClient(ctx, mux, newSearches(s)),
		customfieldsv1.RegisterCustomFieldsServiceHandlerClient(ctx, mux, newCustomFields(s)),
	}
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("register routes: %w", err)
		}
	}
	return nil
}
