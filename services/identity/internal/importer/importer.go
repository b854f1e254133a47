// Package importer takes rows of files in as users: departments are made from paths, heads and roles are set, nobody is
// invited.
package importer

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/authz"
	"kontor.internal/libs/event"
	"kontor.internal/libs/imports"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/identity/internal/account"
	"kontor.internal/services/identity/internal/phone"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/role"
	"kontor.internal/services/identity/internal/store"
	"kontor.internal/services/identity/internal/user"
)

// Names of the fields that a mapping may fill.
const (
	fName       = "name"
	fEmail      = "email"
	fDepartment = "department"
	fHeads      = "heads_department"
	fRoles      = "roles"
	fPhone      = "phone"
	fExtension  = "sip_extension"
	fLocale     = "locale"
	fTimeZone   = "time_zone"
)

// Target is what a mapping of users may fill.
func Target(s *store.Store, d *authz.Directory) imports.Target {
	i := &importer{store: s, directory: d}
	return imports.Target{
		Kind: "user",
		Fields: []imports.Field{
			{Name: fName, Type: imports.Text, Required: true, MaxLen: 200, Doc: "name as shown"},
			{Name: fEmail, Type: imports.Text, Required: true, MaxLen: 254, Doc: "address to sign in with"},
			{Name: fDepartment, Type: imports.TextList, MaxLen: 200, Doc: "path of the department from the top; made when missing"},
			{Name: fHeads, Type: imports.Bool, Doc: "whether the user heads the department"},
			{Name: fRoles, Type: imports.TextList, MaxLen: 200, Doc: "codes or names of roles; if empty department_head for heads, else manager"},
			{Name: fPhone, Type: imports.Text, MaxLen: 64, Doc: "telephone number"},
			{Name: fExtension, Type: imports.Text, MaxLen: 16, Doc: "SIP extension"},
			{Name: fLocale, Type: imports.Text, MaxLen: 35, Doc: "language of the interface"},
			{Name: fTimeZone, Type: imports.Text, MaxLen: 64, Doc: "IANA time zone"},
		},
		Apply: i.apply,
	}
}

type importer struct {
	store     *store.Store
	directory *authz.Directory
}

// batch is a batch on its way into the tables.
type batch struct {
	imports.Batch
	country string
	roles   map[string]*role.Role // by code and by lower-case name
	tree    *store.Tree
	known   *store.KnownUsers
	may     map[string]error // by role, whether the importer may give it

	results []imports.Result
	events  []event.Event
	fresh   []*user.User
	at      []int // rows of fresh
	// byEmail finds who is made further up in the same batch.
	byEmail map[string]*user.User
}

// apply see [imports.Target].
func (i *importer) apply(ctx context.Context, tx pgx.Tx, in imports.Batch) ([]imports.Result, []event.Event, error) {
	b := &batch{Batch: in, results: make([]imports.Result, len(in.Rows)), byEmail: make(map[string]*user.User), may: make(map[string]error)}
	if o, ok := i.directory.Organization(in.Organization); ok {
		b.country = o.Country
	}
	if err := i.load(ctx, tx, b); err != nil {
		return nil, nil, err
	}
	for n := range in.Rows {
		if err := i.row(ctx, tx, b, n); err != nil {
			return nil, nil, err
		}
	}
	evs, err := i.store.InsertUsers(ctx, tx, b.Organization, b.fresh)
	if err != nil {
		return nil, nil, err
	}
	b.events = append(b.events, evs...)
	for k, u := range b.fresh {
		b.results[b.at[k]] = imports.Result{Outcome: imports.Created, RecordID: u.ID}
	}
	// Heads come last: whoever heads a department has to be there.
	evs, err = b.tree.SetHeads(ctx, tx)
	return b.results, append(b.events, evs...), err
}

func (i *importer) load(ctx context.Context, tx pgx.Tx, b *batch) error {
	var err error
	if b.roles, err = i.store.RolesByName(ctx, tx, b.Organization); err != nil {
		return err
	}
	if b.tree, err = i.store.LoadTree(ctx, tx, b.Organization); err != nil {
		return err
	}
	var keys []user.ExternalID
	var emails []string
	for _, r := range b.Rows {
		keys = append(keys, user.ExternalID(r.ExternalID))
		emails = append(emails, strings.ToLower(strings.TrimSpace(r.Text(fEmail))))
	}
	b.known, err = i.store.FindKnownUsers(ctx, tx, b.Organization, keys, emails)
	return err
}

// row takes row n in; new users are collected and inserted together.
func (i *importer) row(ctx context.Context, tx pgx.Tx, b *batch, n int) error {
	r := b.Rows[n]
	u, refused := i.read(ctx, b, r)
	if refused != nil {
		b.results[n] = *refused
		return nil
	}
	id := b.known.Find(user.ExternalID(r.ExternalID), u.Email)
	twin := b.byEmail[u.Email]
	if (id != "" || twin != nil) && b.Duplicates == imports.Make {
		b.results[n] = imports.Refuse(fEmail, "USER_EMAIL_TAKEN", "another user has this e-mail address, so no second one can be made; give the row another, or have duplicates skipped")
		return nil
	}
	switch {
	case twin != nil:
		b.results[n] = imports.Result{Outcome: imports.Skipped, RecordID: twin.ID}
		return nil
	case id != "" && b.Duplicates != imports.Update:
		b.results[n] = imports.Result{Outcome: imports.Skipped, RecordID: id}
		return nil
	}
	if path := r.List(fDepartment); len(path) > 0 {
		departmentID, evs, err := b.tree.Make(ctx, tx, path)
		if err != nil {
			return err
		}
		b.events = append(b.events, evs...)
		u.DepartmentID = departmentID
	}
	if id != "" {
		return i.update(ctx, tx, b, n, id, u)
	}
	u.ID = store.NewID()
	b.byEmail[u.Email] = u
	b.fresh, b.at = append(b.fresh, u), append(b.at, n)
	if r.Bool(fHeads) && u.DepartmentID != "" {
		b.tree.Head(u.DepartmentID, u.ID)
	}
	return nil
}

// update changes the mapped fields of a user who is there.
func (i *importer) update(ctx context.Context, tx pgx.Tx, b *batch, n int, id string, from *user.User) error {
	r := b.Rows[n]
	if refused, err := i.mayUpdate(ctx, tx, b, id, r.Has(fRoles), from.RoleIDs); refused != nil || err != nil {
		if refused != nil {
			b.results[n] = *refused
		}
		return err
	}
	changed, evs, err := i.store.UpdateWithin(ctx, tx, b.Organization, id, func(u *user.User) (user.Event, error) {
		return u.Change(func(u *user.User) {
			u.Name = from.Name
			if r.Has(fDepartment) {
				u.DepartmentID = from.DepartmentID
			}
			if r.Has(fRoles) {
				u.RoleIDs = from.RoleIDs
			}
			if r.Has(fPhone) {
				u.Phones = from.Phones
			}
			if r.Has(fExtension) {
				u.SIPExtension = from.SIPExtension
			}
			if r.Has(fLocale) {
				u.Locale = from.Locale
			}
			if r.Has(fTimeZone) {
				u.TimeZone = from.TimeZone
			}
			for _, x := range from.ExternalIDs {
				if !slices.Contains(u.ExternalIDs, x) {
					u.ExternalIDs = append(slices.Clone(u.ExternalIDs), x)
				}
			}
		})
	})
	if err != nil {
		return err
	}
	b.events = append(b.events, evs...)
	if r.Bool(fHeads) && from.DepartmentID != "" {
		b.tree.Head(from.DepartmentID, id)
	}
	outcome := imports.Skipped
	if changed {
		outcome = imports.Updated
	}
	b.results[n] = imports.Result{Outcome: outcome, RecordID: id}
	return nil
}

// mayUpdate says why the importer, as of now, may not change a user by a row: for want of the right to change users, or
// because the roles to be given and taken permit more than the importer's own.
func (i *importer) mayUpdate(ctx context.Context, tx pgx.Tx, b *batch, id string, roles bool, next []string) (*imports.Result, error) {
	refuse := func(field, reason, msg string) (*imports.Result, error) {
		res := imports.Refuse(field, reason, msg)
		return &res, nil
	}
	if !i.directory.Scope(b.Organization, b.UserID, publish.KindUser, optionsv1.Action_ACTION_UPDATE).Allows(id) {
		return refuse("", "NOT_PERMITTED", "none of your roles permits to update this user; ask an administrator")
	}
	if !roles {
		return nil, nil
	}
	held, err := i.store.RolesWithin(ctx, tx, b.Organization, id)
	if err != nil {
		return nil, err
	}
	for _, roleID := range append(slices.Clone(held), next...) {
		if slices.Contains(held, roleID) && slices.Contains(next, roleID) {
			continue
		}
		err := i.mayGive(ctx, b, roleID)
		switch {
		case errors.Is(err, role.ErrNotYours):
			return refuse(fRoles, "ROLE_NOT_YOURS", "the row takes or gives a role that permits more than your own; ask an administrator to import")
		case err != nil:
			return nil, err
		}
	}
	return nil, nil
}

// read makes a user of a row, or says why not.
func (i *importer) read(ctx context.Context, b *batch, r imports.Row) (*user.User, *imports.Result) {
	refuse := func(field, reason, msg string) (*user.User, *imports.Result) {
		res := imports.Refuse(field, reason, msg)
		return nil, &res
	}
	email, err := account.NormalizeEmail(r.Text(fEmail))
	if err != nil {
		return refuse(fEmail, "USER_INVALID", "the e-mail address is not one; an address such as ann@example.com is expected")
	}
	u := &user.User{
		Name: r.Text(fName), Email: email, SIPExtension: r.Text(fExtension), Locale: r.Text(fLocale), TimeZone: r.Text(fTimeZone),
		Active: true,
	}
	if number := r.Text(fPhone); number != "" {
		u.Phones = []user.Phone{{Number: number, E164: phone.E164(number, b.country), Kind: "work", Primary: true}}
	}
	if r.ExternalID.ID != "" {
		u.ExternalIDs = []user.ExternalID{user.ExternalID(r.ExternalID)}
	}
	names := r.List(fRoles)
	if len(names) == 0 {
		names = []string{role.Manager}
		if r.Bool(fHeads) {
			names = []string{role.Head}
		}
	}
	for _, name := range names {
		x := b.roles[strings.ToLower(strings.TrimSpace(name))]
		if x == nil {
			return refuse(fRoles, "ROLE_NOT_FOUND", "there is no role "+name+"; use a code such as manager, or a role's name")
		}
		if err := i.mayGive(ctx, b, x.ID); err != nil { // Whatever it is, the role is not given.
			return refuse(fRoles, "ROLE_NOT_YOURS", "the role "+x.Name+" permits more than your own; ask an administrator to import")
		}
		if !slices.Contains(u.RoleIDs, x.ID) {
			u.RoleIDs = append(u.RoleIDs, x.ID)
		}
	}
	if err := u.Validate(); err != nil {
		return refuseInvalid(err)
	}
	return u, nil
}

// mayGive asks once for each role.
func (i *importer) mayGive(ctx context.Context, b *batch, roleID string) error {
	err, asked := b.may[roleID]
	if !asked {
		err = i.store.MayHandle(ctx, b.Organization, b.UserID, roleID)
		b.may[roleID] = err
	}
	return err
}
