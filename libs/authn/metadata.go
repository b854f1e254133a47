package authn

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"

	"google.golang.org/grpc/metadata"

	"kontor.internal/libs/apperr"
)

// Metadata of a call.
const (
	// MetadataAuthorization carries "Bearer " and the access token.
	MetadataAuthorization = "authorization"
	// MetadataServiceSecret carries the secret that services share.
	MetadataServiceSecret = "x-kontor-service-secret"
	// MetadataService names the service that calls with the secret.
	MetadataService = "x-kontor-service"
	// MetadataAddress carries where the client of a call is.
	MetadataAddress = "x-kontor-address"
	// MetadataAddressProof proves that a service of the suite says so. It opens no method.
	MetadataAddressProof = "x-kontor-address-proof"
)

const bearer = "Bearer "

// ErrServiceSecret is the answer to a call of a service's method without the services' secret.
var ErrServiceSecret = apperr.Forbidden("SERVICE_ONLY", "this method is for services of the suite")

// BearerToken returns the access token among the metadata of a call, or "".
func BearerToken(md metadata.MD) string {
	if v := md[MetadataAuthorization]; len(v) > 0 {
		return Bearer(v[0])
	}
	return ""
}

// Bearer returns the token in an Authorization header, or "" if it holds none.
func Bearer(header string) string {
	if len(header) <= len(bearer) || !strings.EqualFold(header[:len(bearer)], bearer) {
		return ""
	}
	return header[len(bearer):]
}

// ServiceSecret proves that a caller is a service of the suite. The zero value lets nobody in.
type ServiceSecret struct {
	sum   [sha256.Size]byte
	proof string // of addresses
	set   bool
}

// NewServiceSecret keeps the hash of secret; an empty one lets nobody in.
func NewServiceSecret(secret string) ServiceSecret {
	return ServiceSecret{sum: sha256.Sum256([]byte(secret)), proof: AddressProof(secret), set: secret != ""}
}

// AddressProof is what goes along with an address, so that the services believe it. It is made of the services' secret
// and tells nothing of it: a gateway sends it with calls that must not be taken for a service's own.
func AddressProof(secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("kontor client address"))
	return hex.EncodeToString(mac.Sum(nil))
}

// Address returns where the client of a call is as a service of the suite has seen it, which may be "" if no client is
// behind the call. It reports false if no service says anything.
func (s ServiceSecret) Address(md metadata.MD) (string, bool) {
	given := md[MetadataAddressProof]
	if !s.set || len(given) == 0 || subtle.ConstantTimeCompare([]byte(given[0]), []byte(s.proof)) != 1 {
		return "", false
	}
	if v := md[MetadataAddress]; len(v) > 0 && len(v[0]) <= maxAddress {
		return v[0], true
	}
	return "", true
}

// maxAddress is the length of the longest address: IPv6 with a zone.
const maxAddress = 64

// Check returns the name of the calling service, or ErrServiceSecret. It takes the same time for every wrong secret.
func (s ServiceSecret) Check(md metadata.MD) (string, error) {
	given := md[MetadataServiceSecret]
	if !s.set || len(given) == 0 {
		return "", ErrServiceSecret
	}
	sum := sha256.Sum256([]byte(given[0]))
	if subtle.ConstantTimeCompare(sum[:], s.sum[:]) != 1 {
		return "", ErrServiceSecret
	}
	if name := md[MetadataService]; len(name) > 0 && name[0] != "" {
		return name[0], nil
	}
	return "unnamed", nil
}

// WithServiceSecret returns a context whose outgoing calls prove to come from the service.
func WithServiceSecret(ctx context.Context, service, secret string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, MetadataService, service, MetadataServiceSecret, secret)
}

// Outgoing returns ctx with the caller's access token, if there is one, among the metadata of outgoing calls.
func Outgoing(ctx context.Context) context.Context {
	token := Token(ctx)
	if token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, MetadataAuthorization, bearer+token)
}
