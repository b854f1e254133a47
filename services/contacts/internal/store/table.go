// Package store keeps leads, contacts and companies in PostgreSQL, with an event for every change.
//
// The three kinds are kept alike, so one generic table does what they share: a row per record, look-up rows for its
// numbers, addresses and external IDs, the event. What is particular to a kind is in its own file: columns, indexes,
// references, filters. Every write is one transaction; a create is one round trip.
package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/apperr"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/event"
	"kontor.internal/libs/idem"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/search"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
)

// Store keeps the records of this service.
type Store struct {
	db *pg.DB

	contacts  *Contacts
	companies *Companies
	leads     *Leads
}

// New returns the store on the service's database, reached as kontor_app, with the custom fields of its records.
func New(db *pg.DB, custom *customfields.Definitions) *Store {
	s := &Store{db: db}
	s.contacts, s.companies, s.leads = newContacts(db, custom), newCompanies(db, custom), newLeads(db, custom)
	return s
}

// Contacts returns the store of contacts.
func (s *Store) Contacts() *Contacts { return s.contacts }

// Companies returns the store of companies.
func (s *Store) Companies() *Companies { return s.companies }

// Leads returns the store of leads.
func (s *Store) Leads() *Leads { return s.leads }

// column is a column of a table: its name, and the type that text is cast to when many rows are written at once.
type column struct{ name, cast string }

// table keeps the records of one kind. T is the record, P its pointer.
type table[T any, P record.Entity[T]] struct {
	db     *pg.DB
	custom *customfields.Definitions
	kind   record.Kind
	name   string
	// columns and refs belong together: refs returns where the value of each column is, in their order.
	columns []column
	refs    func(*T) []any
	// points lists what a record is looked up by.
	points func(*T) []reach.Point
	// encode makes the event of a change, false if there is nothing to tell.
	encode func(*record.Change[T]) (event.Event, bool)
	// decode reads the record from the first field of an event's message.
	decode func(proto.Message) (*T, error)
	// more adds the kind's own statements to a write.
	more func(b *pgx.Batch, org string, changes []*record.Change[T])
	// refuse turns the violation of a constraint of the kind into what the caller is told.
	refuse      func(error) error
	errNotFound *apperr.Error
	// schema is what lists can be filtered and sorted by; find looks up parts of names.
	schema func(find finder) *aip.Schema
	plain  *aip.Schema // the schema for filters without parts of names

	selectSQL, insertSQL, updateSQL string
	insertManySQL, updateManySQL    string // up to the rows
}

// metaColumns are those that all kinds begin with; metaRefs are their fields.
func metaColumns() []column {
	return []column{
		{"id", "uuid"},
		{"version", "bigint"},
		{"responsible_id", "uuid"},
		{"observer_ids", "uuid[]"},
		{"everyone", "boolean"},
		{"external_ids", "jsonb"},
		{"origin_kind", "text"},
		{"origin_id", "text"},
		{"creator_id", "uuid"},
		{"created_at", "timestamptz"},
		{"updated_at", "timestamptz"},
		{"deleted_at", "timestamptz"},
		{"phones", "jsonb"},
		{"emails", "jsonb"},
		{"links", "jsonb"},
		{"custom", "jsonb"},
		{"tags", "text[]"},
		{"do_not_contact", "text[]"},
	}
}

func metaRefs(m *record.Meta, p *reach.Points) []any {
	return []any{
		idRef{&m.ID},
		&m.Version,
		idRef{&m.ResponsibleID},
		idsRef{&m.ObserverIDs},
		&m.Everyone,
		jsonRef{&m.ExternalIDs, "[]"},
		&m.Origin.Kind, &m.Origin.ID,
		uuidRef{&m.CreatorID},
		timeRef{&m.CreatedAt},
		timeRef{&m.UpdatedAt},
		timeRef{&m.DeletedAt},
		jsonRef{&p.Phones, "[]"},
		jsonRef{&p.Emails, "[]"},
		jsonRef{&p.Links, "[]"},
		jsonRef{&m.Custom, "{}"},
		textsRef{&m.Tags},
		textsRef{&m.DoNotContact},
	}
}

// prepare writes the statements once.
func (t *table[T, P]) prepare() {
	t.plain = t.schema(tooMany)
	names, params, of, sets := make([]string, len(t.columns)), make([]string, len(t.columns)), make([]string, len(t.columns)), []string{}
	manySets := []string{}
	for i, c := range t.columns {
		n := strconv.Itoa(i + 2)
		names[i], params[i], of[i] = c.name, "$"+n, "n."+c.name
		if c.name != "id" {
			sets = append(sets, c.name+" = $"+n)
			manySets = append(manySets, c.name+" = "+of[i])
		}
	}
	all := strings.Join(names, ", ")
	t.selectSQL = "SELECT " + all + " FROM " + t.name + " WHERE organization_id = $1"
	t.insertSQL = "INSERT INTO " + t.name + " (organization_id, " + all + ") VALUES ($1, " + strings.Join(params, ", ") + ")"
	t.updateSQL = "UPDATE " + t.name + " SET " + strings.Join(sets, ", ") + " WHERE organization_id = $1 AND id = $2"
	t.insertManySQL = "INSERT INTO " + t.name + " (organization_id, " + all + ") SELECT $1, " + strings.Join(of, ", ") + " FROM "
	t.updateManySQL = "UPDATE " + t.name + " AS t SET " + strings.Join(manySets, ", ") + " FROM "
}

// arguments are those of insertSQL and updateSQL.
func (t *table[T, P]) arguments(org string, r *T) ([]any, error) {
	refs := t.refs(r)
	args := make([]any, 1, len(refs)+1)
	args[0] = org
	for i, ref := range refs {
		a, err := argument(ref)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t.name, t.columns[i].name, err)
		}
		args = append(args, a)
	}
	return args, nil
}

// Create see [record.Store].Create. One round trip.
func (t *table[T, P]) Create(ctx context.Context, org string, r *T, cause string) (*T, error) {
	b, ev, err := t.creation(org, r, cause)
	if err != nil {
		return nil, err
	}
	if err := t.db.WriteBatch(ctx, org, b, ev); err != nil {
		return t.answer(ctx, org, t.taken(ctx, org, r, err))
	}
	return r, nil
}

// taken names the custom fields whose values another record has, if that is why a write failed.
func (t *table[T, P]) taken(ctx context.Context, org string, r *T, err error) error {
	if m := P(r).Common(); customfields.IsTaken(err) && m.Fields != nil {
		return t.custom.Taken(ctx, org, m.Fields, m.ID, m.Custom)
	}
	return err
}

// creation is what a create writes.
func (t *table[T, P]) creation(org string, r *T, cause string) (*pgx.Batch, event.Event, error) {
	args, err := t.arguments(org, r)
	if err != nil {
		return nil, event.Event{}, err
	}
	ch := &record.Change[T]{What: record.Created, After: r, Cause: cause}
	b := &pgx.Batch{}
	b.Queue(t.insertSQL, args...)
	t.queueIndex(b, org, []*record.Change[T]{ch})
	ev, _ := t.encode(ch)
	return b, ev, nil
}

// Get see [record.Store].Get.
func (t *table[T, P]) Get(ctx context.Context, org, id string) (*T, error) {
	r, err := t.scan(t.db.QueryRow(ctx, org, t.selectSQL+" AND id = $2", org, id))
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", t.kind, err)
	}
	return r, nil
}

func (t *table[T, P]) scan(row pgx.Row) (*T, error) {
	r := new(T)
	if err := row.Scan(t.refs(r)...); err != nil {
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, t.errNotFound
		}
		return nil, err
	}
	return r, nil
}

// Update see [record.Store].Update. Three round trips after the begin: the locked row, the row as
// changed, then the event with the commit.
func (t *table[T, P]) Update(ctx context.Context, org, id string, fn func(*T) (*record.Change[T], error)) (*T, error) {
	var out, tried *T
	err := t.db.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		cur, err := t.lock(ctx, tx, org, id)
		if err != nil {
			return nil, err
		}
		out = cur
		ch, err := fn(cur)
		if err != nil || ch == nil {
			return nil, err
		}
		tried = ch.After
		ev, err := t.save(ctx, tx, org, ch)
		if ev == nil || err != nil {
			return nil, err
		}
		out = ch.After
		return []event.Event{*ev}, nil
	})
	if err != nil {
		if tried != nil {
			err = t.taken(ctx, org, tried, err)
		}
		return t.answer(ctx, org, err)
	}
	return out, nil
}

// save writes a change of a locked record and returns its event; nil if there is nothing to tell, and then nothing is
// written either.
func (t *table[T, P]) save(ctx context.Context, tx pgx.Tx, org string, ch *record.Change[T]) (*event.Event, error) {
	P(ch.After).Common().Version = P(ch.Before).Common().Version + 1
	ev, ok := t.encode(ch)
	if !ok {
		return nil, nil
	}
	b := &pgx.Batch{}
	if err := t.queueUpdate(b, org, ch); err != nil {
		return nil, err
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("update %s: %w", t.kind, err)
	}
	return &ev, nil
}

// lock reads a record so that nobody else changes it before the transaction ends.
func (t *table[T, P]) lock(ctx context.Context, tx pgx.Tx, org, id string) (*T, error) {
	r, err := t.scan(tx.QueryRow(ctx, t.selectSQL+" AND id = $2 FOR UPDATE", org, id))
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", t.kind, err)
	}
	return r, nil
}

// queueUpdate adds the statements that save a change.
func (t *table[T, P]) queueUpdate(b *pgx.Batch, org string, ch *record.Change[T]) error {
	args, err := t.arguments(org, ch.After)
	if err != nil {
		return err
	}
	b.Queue(t.updateSQL, args...)
	t.queueIndex(b, org, []*record.Change[T]{ch})
	return nil
}

// answer decides what a failed write means to the caller: the earlier answer of a repeated request, a reference or a
// key that does not fit, or a failure of ours.
func (t *table[T, P]) answer(ctx context.Context, org string, err error) (*T, error) {
	var replay *idem.Replay
	if errors.As(err, &replay) {
		if replay.Kind != string(t.kind) {
			return nil, idem.ErrReused
		}
		return t.at(ctx, org, replay.RecordID, replay.Version)
	}
	return nil, t.told(err)
}

// told turns violations of constraints into what the caller is told.
func (t *table[T, P]) told(err error) error {
	switch {
	case pg.IsUnique(err, "external_ids_pkey"):
		return record.ErrExternalIDTaken
	case customfields.IsTaken(err):
		return customfields.ErrTaken
	case t.refuse != nil:
		return t.refuse(err)
	}
	return err
}

// at returns a record as it was at a version, from its event.
func (t *table[T, P]) at(ctx context.Context, org, id string, version int64) (*T, error) {
	ev, err := t.db.EventAt(ctx, org, string(t.kind), id, version)
	if err != nil {
		return nil, fmt.Errorf("read %s as of version %d: %w", t.kind, version, err)
	}
	return t.fromEvent(ev)
}

// fromEvent reads the record after the change, which is the first field of every event's message.
func (t *table[T, P]) fromEvent(ev event.Event) (*T, error) {
	rec, err := first(ev)
	if err != nil {
		return nil, err
	}
	return t.decode(rec)
}

func first(ev event.Event) (proto.Message, error) {
	typ, err := protoregistry.GlobalTypes.FindMessageByURL(ev.Type)
	if err != nil {
		return nil, fmt.Errorf("event type %s: %w", ev.Type, err)
	}
	msg := typ.New()
	if err := proto.Unmarshal(ev.Payload, msg.Interface()); err != nil {
		return nil, fmt.Errorf("decode event %s: %w", ev.ID, err)
	}
	return msg.Get(msg.Descriptor().Fields().ByNumber(1)).Message().Interface(), nil
}

// History see [record.Store].History.
func (t *table[T, P]) History(ctx context.Context, org, id string, before int64, limit int) ([]event.Event, error) {
	evs, err := t.db.History(ctx, org, string(t.kind), id, before, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.kind, err)
	}
	return evs, nil
}

// visible is the condition under which the caller sees a row, and what of the caller a page token is bound to.
func visible(c record.Caller, args *[]any) string {
	scope := c.View.SQL("responsible_id", args)
	if c.View.All() || c.View.None() {
		return scope
	}
	*args = append(*args, c.UserID)
	return "(" + scope + " OR everyone OR $" + strconv.Itoa(len(*args)) + "::uuid = ANY(observer_ids))"
}

func bound(c record.Caller) []string {
	if c.View.All() {
		return []string{c.OrganizationID, "all"}
	}
	return append([]string{c.OrganizationID, c.UserID}, c.View.Users()...)
}

// fewHits is how many records the part of a name may be in to be looked up beforehand.
const fewHits = 2000

// resolve hands use the schema for a filter that use compiles; a second time if that has shown parts of names. These are
// looked up by trigrams first, in one round trip: the planner cannot know whether few records have them, which have to be
// picked out, or many, of which the first on the way in the list's order will do.
//
// Custom fields are there if the filter or the order names one, and are looked up likewise.
func (t *table[T, P]) resolve(ctx context.Context, c record.Caller, q asking, use func(*aip.Schema) error) error {
	if q.filter == "" && !q.custom() {
		return use(t.plain.In(c.Location()))
	}
	own, err := t.ownFields(ctx, c, q)
	if err != nil {
		return err
	}
	schema := func(find finder) *aip.Schema {
		s := t.schema(find).In(c.Location())
		maps.Copy(s.Fields, own.Fields())
		return s
	}
	var patterns, parts []string
	collect := schema(func(pattern string) ([]string, bool) {
		if part := search.Within(pattern); len(part) >= 3 { // trigrams
			patterns, parts = append(patterns, pattern), append(parts, "%"+part+"%")
		}
		return nil, false
	})
	if err := use(collect); err != nil {
		return err
	}
	looked, err := own.Resolve(ctx, t.db, c.OrganizationID)
	if err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	if len(patterns) == 0 {
		if looked {
			return use(collect)
		}
		return nil
	}
	rows, err := t.db.Query(ctx, c.OrganizationID, `
		SELECT n.pattern, ARRAY(SELECT `+t.name+`_named(n.pattern, n.part, $2))
		FROM unnest($1::text[], $3::text[]) AS n (pattern, part)`, patterns, fewHits+1, parts)
	if err != nil {
		return fmt.Errorf("search %s: %w", t.name, err)
	}
	found := make(map[string][]string, len(patterns))
	var pattern string
	var ids []string
	if _, err := pgx.ForEachRow(rows, []any{&pattern, idsRef{&ids}}, func() error {
		if len(ids) <= fewHits {
			found[pattern] = append([]string{}, ids...)
		}
		return nil
	}); err != nil {
		return fmt.Errorf("search %s: %w", t.name, err)
	}
	return use(schema(func(pattern string) ([]string, bool) {
		ids, listed := found[pattern]
		return ids, listed
	}))
}

// asking is what of a request decides which fields its schema needs.
type asking struct {
	filter, orderBy string
	// counts says that all records are wanted and not the first of them.
	counts bool
}

func (q asking) custom() bool {
	return customfields.Mentions(q.filter) || customfields.Mentions(q.orderBy)
}

// ownFields are the organisation's own fields for a request; none if it names none.
func (t *table[T, P]) ownFields(ctx context.Context, c record.Caller, q asking) (*customfields.Query, error) {
	if !q.custom() {
		return nil, nil
	}
	kind, err := t.custom.Kind(ctx, c.OrganizationID, string(t.kind))
	if err != nil {
		return nil, err
	}
	own := kind.Query(t.name, c.Location())
	if q.counts {
		own.Counts()
	}
	return own, nil
}

// List see [record.Store].List.
func (t *table[T, P]) List(ctx context.Context, c record.Caller, q record.Query) (record.Page[T], error) {
	var l *aip.List
	if err := t.resolve(ctx, c, asking{filter: q.GetFilter(), orderBy: q.GetOrderBy()}, func(s *aip.Schema) (err error) {
		l, err = s.List(q, append(bound(c), strconv.FormatBool(q.GetShowDeleted()))...)
		return err
	}); err != nil {
		return record.Page[T]{}, err
	}
	page := record.Page[T]{Records: make([]*T, 0, l.Size())}
	keys := make([]aip.Key, l.Size())
	for _, part := range l.Parts() {
		if len(page.Records) > l.Size() {
			break
		}
		if err := t.listPart(ctx, c, q, part, &page, keys); err != nil {
			return record.Page[T]{}, fmt.Errorf("list %s: %w", t.name, err)
		}
	}
	page.Records, page.Next = aip.Page(l, page.Records, keys)
	return page, nil
}

// listPart adds the records of a part to a page.
func (t *table[T, P]) listPart(
	ctx context.Context, c record.Caller, q record.Query, l *aip.List, page *record.Page[T], keys []aip.Key,
) error {
	args := []any{c.OrganizationID}
	names := make([]string, len(t.columns))
	for i, col := range t.columns {
		names[i] = col.name
	}
	sql := "SELECT " + strings.Join(names, ", ") + ", " + l.Key() + " FROM " + l.From(t.name, &args) +
		" WHERE organization_id = $1 AND " + visible(c, &args) + " AND " + bin(q.GetShowDeleted()) + " AND " + l.Where(&args) +
		" ORDER BY " + l.OrderBy() + " LIMIT " + l.Limit()
	rows, err := t.db.Query(ctx, c.OrganizationID, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		r := new(T)
		var key any // only the last one's on the page will be asked for
		if len(page.Records) == l.Size()-1 {
			key = &keys[l.Size()-1]
		}
		if err := rows.Scan(append(t.refs(r), key)...); err != nil {
			return err
		}
		page.Records = append(page.Records, r)
	}
	return rows.Err()
}

// Count see [record.Store].Count.
func (t *table[T, P]) Count(ctx context.Context, c record.Caller, filter string, deleted bool) (n int, more bool, err error) {
	var args []any
	var where, cond string
	if err := t.resolve(ctx, c, asking{filter: filter, counts: true}, func(s *aip.Schema) (err error) {
		args = []any{c.OrganizationID}
		where = visible(c, &args)
		cond, err = s.Where(filter, &args)
		return err
	}); err != nil {
		return 0, false, err
	}
	err = t.db.QueryRow(ctx, c.OrganizationID, "SELECT count(*) FROM (SELECT FROM "+t.name+
		" WHERE organization_id = $1 AND "+where+" AND "+bin(deleted)+" AND "+cond+
		" LIMIT "+strconv.Itoa(record.CountLimit+1)+") AS counted", args...).Scan(&n)
	if err != nil {
		return 0, false, fmt.Errorf("count %s: %w", t.name, err)
	}
	return min(n, record.CountLimit), n > record.CountLimit, nil
}
