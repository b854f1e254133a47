package logx_test

import (
	"context"
	"os"
	"strings"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/logx"
)

// untimed leaves the time out, so that the example can be checked.
type untimed struct{ w *os.File }

func (u untimed) Write(p []byte) (int, error) {
	_, rest, _ := strings.Cut(string(p), ",")
	_, err := u.w.WriteString("{" + rest)
	return len(p), err
}

func Example() {
	log := logx.New(untimed{os.Stdout}, logx.Options{Service: "deals"})
	ctx := authn.With(context.Background(), authn.Principal{OrganizationID: "acme", UserID: "ann"})
	log.InfoContext(ctx, "event applied", logx.KeyAttempt, 1)
	// Output: {"level":"INFO","msg":"event applied","service":"deals","attempt":1,"organization_id":"acme","user_id":"ann"}
}
