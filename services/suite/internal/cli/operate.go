package cli

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"kontor.internal/libs/apperr"
	"kontor.internal/services/suite/internal/suite"
)

// operatorConfig is what a command on a whole installation may be told: a suite, or services that run apart.
type operatorConfig struct {
	suite.Config

	Separate bool `env:"KONTOR_SEPARATE" flag:"separate" help:"the services run apart: each one's KONTOR_POSTGRES_URL is in KONTOR_<SERVICE>_POSTGRES_URL, such as KONTOR_DEALS_POSTGRES_URL; brokers, secret and addresses are told as to a service"`
}

// attach connects to the databases. Close what it returns.
func (c operatorConfig) attach(ctx context.Context, env Env) (*suite.Attached, error) {
	if c.Separate {
		return suite.AttachSeparate(c.Config, env.Lookup, env.Stderr)
	}
	return suite.Attach(ctx, c.Config, env.Stderr)
}

// dial connects to a service with the right to call what is for services only. Errors of the calls go through explain.
func (c operatorConfig) dial(service string) (*grpc.ClientConn, error) {
	if c.Separate {
		return suite.DialSeparate(c.Config, service)
	}
	return suite.Dial(c.Config)
}

// explain says what to do if nobody answers, or another installation does. Other errors stay as they are.
func (c operatorConfig) explain(service string, err error) error {
	if err == nil {
		return nil
	}
	code := apperr.ToStatus(err).Code()
	switch {
	case code == codes.Unavailable && c.Separate:
		return fmt.Errorf("%s does not answer at %s: set KONTOR_SERVICES to %s=HOST:PORT (%w)", service, c.Address(service), service, err)
	case code == codes.Unavailable:
		return fmt.Errorf("no suite answers at %s: start it with `kontor suite`, or set KONTOR_GRPC_ADDR to where it is (%w)", c.GRPCAddr, err)
	case code == codes.PermissionDenied && c.Separate:
		return fmt.Errorf("%s does not take KONTOR_SERVICE_SECRET for its own (%w)", service, err)
	case code == codes.PermissionDenied:
		return fmt.Errorf("the suite at %s keeps its data elsewhere than in %s: set KONTOR_DATA_DIR to its folder (%w)", c.GRPCAddr, c.DataDir, err)
	}
	return err
}
