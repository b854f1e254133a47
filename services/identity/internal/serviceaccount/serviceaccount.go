// Package serviceaccount holds programs that act in an organisation: members with roles and API keys, without a
// password (ID-8).
package serviceaccount

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kontor.internal/libs/apperr"
)

// Failures.
var (
	ErrNotFound   = apperr.NotFound("SERVICE_ACCOUNT_NOT_FOUND", "there is no such service account")
	ErrStale      = apperr.Conflict("SERVICE_ACCOUNT_ETAG_MISMATCH", "the service account was changed by someone else; read it again")
	ErrInvalid    = apperr.Invalid("SERVICE_ACCOUNT_INVALID", "the service account's data is not valid")
	ErrDepartment = apperr.NotFound("DEPARTMENT_NOT_FOUND", "there is no such department")
)

// ServiceAccount is a program that acts in an organisation.
type ServiceAccount struct {
	ID, Name     string
	DepartmentID string
	RoleIDs      []string
	// Active is false once it is deleted.
	Active               bool
	Version              int64
	CreatedAt, UpdatedAt time.Time
}

// The domain events. The service account is as after the change.
type (
	// Created says that a service account was made.
	Created struct{ ServiceAccount ServiceAccount }
	// Updated says that fields were changed.
	Updated struct {
		ServiceAccount, Previous ServiceAccount
		Fields                   []string
	}
	// Deleted says that it and its keys no longer work.
	Deleted struct{ ServiceAccount ServiceAccount }
)

// Event is one of the domain events above.
type Event any

// Store keeps service accounts. Every method is scoped to one organisation; an ID of another organisation behaves
// exactly like an ID that does not exist.
type Store interface {
	// CreateServiceAccount returns ErrDepartment or role.ErrNotFound.
	CreateServiceAccount(ctx context.Context, org string, a *ServiceAccount) (*ServiceAccount, error)

	// GetServiceAccount returns ErrNotFound if there is no such service account.
	GetServiceAccount(ctx context.Context, org, id string) (*ServiceAccount, error)

	// UpdateServiceAccount loads, lets fn change and saves with the event fn returns, atomically; without an event nothing
	// is saved. fn may run more than once. It returns ErrNotFound, ErrStale if etag is not zero and not the stored
	// version, fn's error, or what CreateServiceAccount does.
	UpdateServiceAccount(ctx context.Context, org, id string, etag int64, fn func(*ServiceAccount) (Event, error)) (*ServiceAccount, error)
}

// Validate returns ErrInvalid, naming the fields at fault.
func (a *ServiceAccount) Validate() error {
	if n := utf8.RuneCountInString(a.Name); n < 1 || n > 200 || !utf8.ValidString(a.Name) ||
		strings.TrimSpace(a.Name) == "" || strings.ContainsFunc(a.Name, unicode.IsControl) {
		return ErrInvalid.WithField("name", "1 to 200 characters, no control characters")
	}
	return nil
}

// Change lets fn change fields and returns Updated with those that did change, or nil if none did.
func (a *ServiceAccount) Change(fn func(*ServiceAccount)) (Event, error) {
	if !a.Active {
		return nil, ErrNotFound
	}
	before := *a
	fn(a)
	if err := a.Validate(); err != nil {
		return nil, err
	}
	var fields []string
	if before.Name != a.Name {
		fields = append(fields, "name")
	}
	if before.DepartmentID != a.DepartmentID {
		fields = append(fields, "department_id")
	}
	if !slices.Equal(before.RoleIDs, a.RoleIDs) {
		fields = append(fields, "role_ids")
	}
	if len(fields) == 0 {
		return nil, nil // No event: nothing to save.
	}
	return Updated{ServiceAccount: *a, Previous: before, Fields: fields}, nil
}

// Delete takes it out of use.
func (a *ServiceAccount) Delete() (Event, error) {
	if !a.Active {
		return nil, ErrNotFound
	}
	a.Active = false
	return Deleted{ServiceAccount: *a}, nil
}
