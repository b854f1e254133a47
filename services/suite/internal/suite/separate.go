package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/grpc"

	"kontor.internal/libs/grpcclient"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/process"
)

// Lookup finds an environment variable, as os.LookupEnv does.
type Lookup func(name string) (value string, ok bool)

// variable is where commands beside separate services are told what the service itself has as KONTOR_<name>.
func variable(service, name string) string { return "KONTOR_" + strings.ToUpper(service) + "_" + name }

const (
	postgresURL      = "POSTGRES_URL"
	postgresOwnerURL = "POSTGRES_OWNER_URL"
)

// told are the values of a variable of each service, without those that are not set; the error says that none is.
func told(lookup Lookup, name string) (map[string]string, error) {
	out := map[string]string{}
	for _, s := range Services() {
		if v, ok := lookup(variable(s, name)); ok && v != "" {
			out[s] = v
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no database is known: set %s, and so for each service that this is about", variable(Services()[0], name))
	}
	return out, nil
}

func unknownDatabase(service string) error {
	return fmt.Errorf("the database of %s is not known: set %s", service, variable(service, postgresURL))
}

// AttachSeparate is Attach for services that run apart. Nothing is started: databases are those that the environment
// names, brokers those of cfg.
func AttachSeparate(cfg Config, lookup Lookup, out io.Writer) (*Attached, error) {
	log, err := process.NewLog("kontor", cfg.Config, out)
	if err != nil {
		return nil, err
	}
	databases, err := told(lookup, postgresURL)
	if err != nil {
		return nil, err
	}
	a := &Attached{Databases: map[string]pg.URLs{}, Brokers: cfg.Brokers, Log: log}
	for service, url := range databases {
		a.Databases[service] = pg.URLs{Service: url}
	}
	return a, nil
}

// CanPublish tells what is missing to publish the events of these services again. It calls nobody.
func (a *Attached) CanPublish(services ...string) error {
	var errs []error
	if len(a.Brokers) == 0 {
		errs = append(errs, errors.New("KONTOR_KAFKA_BROKERS is required: events go there"))
	}
	for _, s := range services {
		if _, known := a.Databases[s]; !known {
			errs = append(errs, unknownDatabase(s))
		}
	}
	return errors.Join(errs...)
}

// DialSeparate is Dial to one of the services that run apart.
func DialSeparate(cfg Config, service string) (*grpc.ClientConn, error) {
	if cfg.ServiceSecret == "" {
		return nil, errors.New("KONTOR_SERVICE_SECRET is required: the secret that the services share")
	}
	return grpcclient.Dial(cfg.Address(service), grpcclient.Options{Service: operator, Secret: cfg.ServiceSecret})
}

// MigrateSeparate brings the databases up to date whose owners' URLs the environment names, and returns their services.
func MigrateSeparate(ctx context.Context, lookup Lookup) ([]string, error) {
	owners, err := told(lookup, postgresOwnerURL)
	if err != nil {
		return nil, err
	}
	var done []string
	for _, p := range parts() {
		url, ok := owners[p.name]
		if !ok {
			continue
		}
		if err := p.migrate(ctx, url); err != nil {
			return done, err
		}
		done = append(done, p.name)
	}
	return done, nil
}
