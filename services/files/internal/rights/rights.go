// Package rights says who may do what to a file: who sees the record that it hangs on sees it, who may change the record
// may change it. A file that hangs on none belongs to who uploaded it.
package rights

import (
	"context"
	"errors"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/files/internal/clients"
	"kontor.internal/services/files/internal/file"
)

// Records knows who answers for a record.
type Records interface {
	// Owner returns file.ErrRecord if the caller does not see the record, and file.ErrKind for an unknown kind.
	Owner(ctx context.Context, rec file.Record) (clients.Owner, error)
}

// Rights decides.
type Rights struct{ Records Records }

// View returns file.ErrNotFound unless the caller sees the file.
func (r *Rights) View(ctx context.Context, f *file.File) error {
	if f.Record.None() {
		if f.UploaderID != authn.MustFrom(ctx).UserID {
			return file.ErrNotFound
		}
		return nil
	}
	return hidden(r.ViewRecord(ctx, f.Record))
}

// Change returns file.ErrNotFound unless the caller sees the file, and file.ErrForbidden unless the caller may change it.
func (r *Rights) Change(ctx context.Context, f *file.File) error {
	if f.Record.None() {
		return r.View(ctx, f)
	}
	return hidden(r.ChangeRecord(ctx, f.Record))
}

// hidden makes a record that is out of sight a file that is not there.
func hidden(err error) error {
	if errors.Is(err, file.ErrRecord) || errors.Is(err, file.ErrKind) {
		return file.ErrNotFound.Because(err)
	}
	return err
}

// ViewRecord returns file.ErrRecord unless the caller sees the record.
func (r *Rights) ViewRecord(ctx context.Context, rec file.Record) error {
	_, err := r.Records.Owner(ctx, rec)
	return err
}

// ChangeRecord returns file.ErrRecord unless the caller sees the record, and file.ErrForbidden unless the caller may
// change it. Users may change what hangs on themselves.
func (r *Rights) ChangeRecord(ctx context.Context, rec file.Record) error {
	o, err := r.Records.Owner(ctx, rec)
	if err != nil {
		return err
	}
	kind := rec.Kind
	if kind == "organization" {
		kind = "settings"
	}
	scope := authz.For(ctx, kind, optionsv1.Action_ACTION_UPDATE)
	if scope.All() || scope.Allows(o.UserID) || (rec.Kind == "user" && rec.ID == authn.MustFrom(ctx).UserID) {
		return nil
	}
	return file.ErrForbidden
}

// converter is the service that makes records from a lead, or attaches the lead to them, and has looked then whether the
// caller may.
const converter = "contacts"

// CarryTo returns file.ErrRecord unless the caller sees the record, and file.ErrForbidden unless the caller may change it
// or the service that acts for the caller has made or attached it (CON-4).
func (r *Rights) CarryTo(ctx context.Context, rec file.Record) error {
	if authn.MustFrom(ctx).Service == converter {
		return r.ViewRecord(ctx, rec)
	}
	return r.ChangeRecord(ctx, rec)
}
