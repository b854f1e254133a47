package cli

import (
	"context"
	"errors"
	"fmt"

	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	identity "kontor.internal/services/identity/app"
)

type orgConfig struct {
	operatorConfig

	Name         string `flag:"name" required:"true" help:"what the organisation is called"`
	Email        string `flag:"email" required:"true" help:"e-mail address of its first administrator"`
	Person       string `flag:"person" help:"the administrator's name; taken from the address if empty"`
	NewPassword  string `env:"KONTOR_NEW_PASSWORD" secret:"true" help:"the administrator's password; made up and printed if empty"`
	TimeZone     string `flag:"time-zone" default:"UTC" help:"where its days begin, such as Europe/Berlin"`
	BaseCurrency string `flag:"currency" default:"USD" help:"what its totals are in"`
	Country      string `flag:"country" default:"US" help:"country, two letters: how its phone numbers are read"`
	Language     string `flag:"language" default:"en" help:"language, such as en or de"`
}

func orgCreateCommand() Command {
	return Command{
		Name: "org create", Summary: "make an organisation with its first administrator",
		Run: func(ctx context.Context, env Env, args []string) error {
			var cfg orgConfig
			if err := loadConfig(&cfg, env, "kontor org create", args); err != nil {
				return err
			}
			conn, err := cfg.dial(identity.Name)
			if err != nil {
				return err
			}
			res, err := identityv1.NewOrganizationsServiceClient(conn).CreateOrganization(ctx, &identityv1.CreateOrganizationRequest{
				Name: cfg.Name, AdminEmail: cfg.Email, AdminName: cfg.Person, AdminPassword: cfg.NewPassword,
				TimeZone: cfg.TimeZone, BaseCurrency: cfg.BaseCurrency, Country: cfg.Country, Language: cfg.Language,
			})
			if err := errors.Join(cfg.explain(identity.Name, err), conn.Close()); err != nil {
				return err
			}
			fmt.Fprintf(env.Stdout, "organisation  %s (%s)\nsign in       %s\n",
				res.GetOrganization().GetName(), res.GetOrganization().GetId(), res.GetAdministrator().GetEmail())
			switch {
			case res.GetGeneratedPassword() != "":
				fmt.Fprintf(env.Stdout, "password      %s   (shown only now)\n", res.GetGeneratedPassword())
			case cfg.NewPassword != "":
				fmt.Fprintln(env.Stdout, "password      the one from KONTOR_NEW_PASSWORD")
			default:
				fmt.Fprintln(env.Stdout, "password      the one that this person has already")
			}
			return nil
		},
	}
}
