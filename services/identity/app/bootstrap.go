package app

import (
	"context"

	"kontor.internal/services/identity/internal/founding"
)

// First describes the first organisation and its administrator. Empty fields get defaults: an organisation in UTC with
// US dollars, and a password that is made up.
type First struct {
	Organization, TimeZone, BaseCurrency, Country, Language string
	Email, Name, Password                                   string
}

// Founded is the first organisation, made.
type Founded struct {
	OrganizationID, UserID string
	Email                  string
	// Password is the one made up; empty if one was given.
	Password string
}

// defaultOrganization is what the first organisation is called until somebody renames it.
const defaultOrganization = "My company"

// Bootstrap makes the first organisation with an administrator, its ready-made roles and its settings, if there is none
// (ID-11). It returns nil if there is one. It needs the database alone and may run in several processes at once.
func (a *App) Bootstrap(ctx context.Context, f First) (*Founded, error) {
	if f.Organization == "" {
		f.Organization = defaultOrganization
	}
	made, err := a.founding.Bootstrap(ctx, founding.Order{
		Name: f.Organization, TimeZone: f.TimeZone, BaseCurrency: f.BaseCurrency, Country: f.Country, Language: f.Language,
		AdminEmail: f.Email, AdminName: f.Name, AdminPassword: f.Password,
	})
	if err != nil || made == nil {
		return nil, err
	}
	return &Founded{
		OrganizationID: made.Settings.ID, UserID: made.Administrator.ID, Email: made.Administrator.Email, Password: made.Password,
	}, nil
}
