// Package intake makes records from the rows of imported files (CON-17): it names the fields a mapping may fill, and
// writes batches of rows as records of the domain, checked by the same rules as any other.
//
// libs/imports reads the file, evaluates the mapping and drives the job. What is here is what only this context knows.
package intake

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/imports"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/contacts/internal/publish"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/store"
)

// table is what an import needs of a kind's store.
type table[T any] interface {
	FindKnown(ctx context.Context, tx pgx.Tx, org string, ids []record.ExternalID, natural store.NaturalKey, keys []string) (store.Known, error)
	LockMany(ctx context.Context, tx pgx.Tx, org string, ids []string) (map[string]*T, error)
	SaveMany(ctx context.Context, tx pgx.Tx, org string, changes []*record.Change[T]) ([]event.Event, error)
}

// kind is how rows become records of one kind.
type kind[T any, P record.Entity[T]] struct {
	name    record.Kind
	book    *record.Book[T, P]
	table   table[T]
	natural store.NaturalKey
	// key is a row's natural key, "" if it has none.
	key func(imports.Row) string
	// start prepares a batch, before its rows; nil if there is nothing to prepare.
	start func(ctx context.Context, org string) (fill[T], error)
}

// fill copies the fields that the mapping fills from a row to a record; made says that the record is new.
type fill[T any] func(row imports.Row, r *T, made bool) error

// apply writes a batch; see [imports.Target].Apply.
func (k *kind[T, P]) apply(ctx context.Context, tx pgx.Tx, b imports.Batch) ([]imports.Result, []event.Event, error) {
	fill, err := k.start(ctx, b.Organization)
	if err != nil {
		return nil, nil, err
	}
	check, err := k.book.Checker(ctx, b.Organization)
	if err != nil {
		return nil, nil, err
	}
	// What is written at once is made at one time: a column that is the same in all rows costs next to nothing.
	book := *k.book
	book.Clock = clock.Fixed(book.Clock.Now())
	w := &writing[T, P]{
		kind: k, book: &book, batch: b, fill: fill, check: check, pending: map[string]*record.Change[T]{},
		who: record.Caller{
			OrganizationID: b.Organization, UserID: b.UserID, View: authz.All(),
			Act: authz.For(ctx, string(k.name), optionsv1.Action_ACTION_IMPORT),
		},
	}
	if err := w.find(ctx, tx); err != nil {
		return nil, nil, err
	}
	results := make([]imports.Result, len(b.Rows))
	for i, row := range b.Rows {
		res, err := w.row(row)
		var refused *apperr.Error
		switch {
		case errors.As(err, &refused):
			res = refusal(refused)
		case err != nil:
			return nil, nil, err
		}
		results[i] = res
	}
	evs, err := k.table.SaveMany(ctx, tx, b.Organization, w.changes)
	if err != nil {
		return nil, nil, err
	}
	return results, evs, nil
}

// more is the custom fields; see [imports.Target].More.
func (k *kind[T, P]) more(ctx context.Context, org string) ([]imports.Field, error) {
	fields, err := k.book.Custom.Fields(ctx, org)
	if err != nil {
		return nil, err
	}
	return fields.ImportFields(), nil
}

func refusal(e *apperr.Error) imports.Result {
	field, message := "", e.Msg
	if len(e.Fields) > 0 {
		field = e.Fields[0].Field
		message = e.Fields[0].Description
	}
	return imports.Refuse(field, e.Reason, message)
}

// writing is one batch on its way into the database.
type writing[T any, P record.Entity[T]] struct {
	*kind[T, P]

	book   *record.Book[T, P] // the kind's, at the time of the batch
	batch  imports.Batch
	who    record.Caller
	fill   fill[T]
	check  record.Check[T]
	known  store.Known
	locked map[string]*T
	// changes to be saved, and by record those of rows above in the same batch.
	changes []*record.Change[T]
	pending map[string]*record.Change[T]
}

// find looks up which rows are about records that are there, and locks those that are to be changed.
func (w *writing[T, P]) find(ctx context.Context, tx pgx.Tx) error {
	var ids []record.ExternalID
	var keys []string
	for _, row := range w.batch.Rows {
		if x := external(row); x.ID != "" {
			ids = append(ids, x)
		}
		if key := w.key(row); key != "" {
			keys = append(keys, key)
		}
	}
	var err error
	if w.known, err = w.table.FindKnown(ctx, tx, w.batch.Organization, ids, w.natural, keys); err != nil {
		return err
	}
	if w.batch.Duplicates != imports.Update {
		return nil
	}
	var change []string
	for _, recordID := range w.known.ByExternalID {
		change = append(change, recordID)
	}
	for _, recordID := range w.known.ByKey {
		change = append(change, recordID)
	}
	w.locked, err = w.table.LockMany(ctx, tx, w.batch.Organization, change)
	return err
}

func external(row imports.Row) record.ExternalID {
	return record.ExternalID{Source: row.ExternalID.Source, ID: row.ExternalID.ID}
}

func (w *writing[T, P]) row(row imports.Row) (imports.Result, error) {
	x, key := external(row), w.key(row)
	recordID, byID := w.known.ByExternalID[x]
	if !byID || x.ID == "" {
		byID = false
		recordID = w.known.ByKey[key]
	}
	switch {
	case recordID == "", w.batch.Duplicates == imports.Make && !byID:
		return w.create(row, x, key)
	case w.batch.Duplicates == imports.Make:
		return imports.Refuse("external_id", record.ErrExternalIDTaken.Reason, record.ErrExternalIDTaken.Msg), nil
	case w.batch.Duplicates == imports.Update:
		return w.update(row, recordID)
	}
	return imports.Result{Outcome: imports.Skipped, RecordID: recordID}, nil
}

func (w *writing[T, P]) create(row imports.Row, x record.ExternalID, key string) (imports.Result, error) {
	r := new(T)
	m := P(r).Common()
	m.ID, m.Origin = id.New(), record.Origin{Kind: "import", ID: w.batch.OperationID}
	if x.ID != "" {
		m.ExternalIDs = []record.ExternalID{x}
	}
	if err := w.fill(row, r, true); err != nil {
		return imports.Result{}, err
	}
	w.custom(row, r)
	if err := w.book.Prepare(w.who, r, w.check, false); err != nil {
		return imports.Result{}, err
	}
	ch := &record.Change[T]{What: record.Created, After: r, Cause: publish.Cause(w.batch.OperationID), EffectiveAt: row.EffectiveAt}
	w.changes = append(w.changes, ch)
	w.pending[m.ID] = ch
	if x.ID != "" {
		w.known.ByExternalID[x] = m.ID
	}
	if key != "" && w.known.ByKey[key] == "" {
		w.known.ByKey[key] = m.ID
	}
	return imports.Result{Outcome: imports.Created, RecordID: m.ID}, nil
}

func (w *writing[T, P]) update(row imports.Row, recordID string) (imports.Result, error) {
	ch, again := w.pending[recordID]
	if !again {
		before, ok := w.locked[recordID]
		if !ok {
			return imports.Result{}, fmt.Errorf("%s %s was found and is gone", w.name, recordID)
		}
		after := *before
		ch = &record.Change[T]{
			What: record.Updated, Before: before, After: &after, Cause: publish.Cause(w.batch.OperationID), EffectiveAt: row.EffectiveAt,
		}
	}
	next := *ch.After
	if err := w.fill(row, &next, false); err != nil {
		return imports.Result{}, err
	}
	if err := w.book.Admit(w.who, P(ch.After).Common(), 0); err != nil {
		return imports.Result{}, err
	}
	if err := P(&next).Normalize(w.book.Users.Country(w.batch.Organization)); err != nil {
		return imports.Result{}, err
	}
	if to := P(&next).Common().ResponsibleID; to != P(ch.After).Common().ResponsibleID && !w.book.Users.Active(w.batch.Organization, to) {
		return imports.Result{}, record.ErrResponsibleNotFound
	}
	P(&next).Common().UpdatedAt = w.book.Clock.Now()
	w.custom(row, &next)
	if err := w.check.Do(ch.After, &next, false); err != nil {
		return imports.Result{}, err
	}
	*ch.After = next
	if !again {
		w.changes = append(w.changes, ch)
		w.pending[recordID] = ch
	}
	return imports.Result{Outcome: imports.Updated, RecordID: recordID}, nil
}

// custom fills the custom fields that the mapping names; their values are checked with the rest.
func (w *writing[T, P]) custom(row imports.Row, r *T) {
	m := P(r).Common()
	m.Custom = w.check.Fields.Import(row, m.Custom)
}

// commonFields are those that all kinds can be filled with.
func commonFields() []imports.Field {
	return []imports.Field{
		{Name: "phones", Type: imports.TextList, MaxLen: 64, Doc: "telephone numbers, the first of them primary; with a kind: \"mobile: +49 …\""},
		{Name: "emails", Type: imports.TextList, MaxLen: 320, Doc: "e-mail addresses, the first of them primary; with a kind: \"work: ann@…\""},
		{Name: "sites", Type: imports.TextList, MaxLen: 1024, Doc: "web sites and accounts: \"telegram: ann\""},
		{Name: "source", Type: imports.Text, MaxLen: 64, Doc: "where the record came from"},
		{Name: "comment", Type: imports.Text, MaxLen: 20000, Doc: "remark"},
		{Name: "responsible", Type: imports.Ref, RefKind: "user", Doc: "who answers for it; who imports if empty"},
		{Name: "available_to_everyone", Type: imports.Bool, Doc: "whether all who may see such records see it"},
		{Name: "tags", Type: imports.TextList, MaxLen: 64, Doc: "tags, added to those of a record that is there"},
		{Name: "do_not_contact", Type: imports.TextList, MaxLen: 16, Doc: "channels not to be used: phone, email, messenger, post, sms"},
		{Name: "street", Type: imports.Text, MaxLen: 512, Doc: "street and house"},
		{Name: "city", Type: imports.Text, MaxLen: 128, Doc: "city"},
		{Name: "region", Type: imports.Text, MaxLen: 128, Doc: "state or region"},
		{Name: "postal_code", Type: imports.Text, MaxLen: 32, Doc: "postal code"},
		{Name: "country", Type: imports.Text, MaxLen: 64, Doc: "country, by ISO code or as written"},
	}
}

// set copies a text field if the mapping fills it.
func set(row imports.Row, field string, to *string) {
	if row.Mapped(field) {
		*to = row.Text(field)
	}
}

// fillCommon fills the fields of commonFields.
func fillCommon(row imports.Row, m *record.Meta, p *reach.Points) {
	if ref := row.Ref("responsible"); ref != "" {
		m.ResponsibleID = ref
	}
	if row.Mapped("available_to_everyone") {
		m.Everyone = row.Bool("available_to_everyone")
	}
	if row.Mapped("tags") {
		m.Tags = record.WithTags(m.Tags, row.List("tags"))
	}
	if row.Mapped("do_not_contact") {
		m.DoNotContact = append([]string(nil), row.List("do_not_contact")...)
	}
	fillPoints(row, p)
}

// address returns the row's address, filled over the one the record has, or nil if the mapping fills none of it.
func address(row imports.Row, has *reach.Address) *reach.Address {
	var a reach.Address
	if has != nil {
		a = *has
	}
	mapped := false
	for field, to := range map[string]*string{
		"street": &a.Street, "city": &a.City, "region": &a.Region, "postal_code": &a.PostalCode, "country": &a.Country,
	} {
		mapped = mapped || row.Mapped(field)
		set(row, field, to)
	}
	if !mapped || a == (reach.Address{Kind: a.Kind}) {
		return nil
	}
	return &a
}

// addresses puts the row's address in the place of the record's first.
func addresses(row imports.Row, has []reach.Address) []reach.Address {
	var first *reach.Address
	if len(has) > 0 {
		first = &has[0]
	}
	a := address(row, first)
	if a == nil {
		return has
	}
	return append([]reach.Address{*a}, has[min(len(has), 1):]...)
}

// none is the key of kinds whose rows are known by external ID alone.
func none(imports.Row) string { return "" }
