package customfields

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/encoding/protojson"

	"kontor.internal/libs/clock"
	"kontor.internal/libs/pg"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
)

// refreshAfter is how long a process believes what it remembers of an organisation's definitions: how long after a change
// another process may still go by the old ones.
const refreshAfter = time.Second

// Definitions are the custom fields of the records of one service, by organisation.
type Definitions struct {
	// DB is the service's, as kontor_app.
	DB *pg.DB
	// Topic of the service's events.
	Topic string
	// Kinds are those that the service keeps.
	Kinds []KindSpec
	// Enqueue makes a [Job] in the transaction of a change that concerns the records that are there.
	Enqueue func(ctx context.Context, tx pgx.Tx, job Job) error
	// Clock is the machine's if nil.
	Clock clock.Clock

	mu         sync.Mutex
	remembered map[string]*memory
}

// memory is what a process knows of one organisation.
type memory struct {
	asking sync.Mutex // held while the database is asked

	mu      sync.Mutex
	set     *Set
	checked time.Time
	// changes counts those made here, so that an answer from before one does not count as news.
	changes int
}

func (d *Definitions) specs() map[string]KindSpec {
	out := make(map[string]KindSpec, len(d.Kinds))
	for _, k := range d.Kinds {
		out[k.Name] = k
	}
	return out
}

func (d *Definitions) memory(org string) *memory {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.remembered[org]
	if m == nil {
		if d.remembered == nil {
			d.remembered = make(map[string]*memory)
		}
		m = &memory{}
		d.remembered[org] = m
	}
	return m
}

// Of returns the organisation's fields, from memory. Once a second the first to ask sees whether they have changed, by one
// look at their version.
func (d *Definitions) Of(ctx context.Context, org string) (*Set, error) {
	m := d.memory(org)
	now := d.Clock.Now()
	if set := m.fresh(now); set != nil {
		return set, nil
	}
	// One asks; the others go on with what there is. Whoever waited here within a transaction, for a connection that it
	// itself keeps from the one who asks, would wait for ever.
	if !m.asking.TryLock() {
		if set := m.known(); set != nil {
			return set, nil
		}
		m.asking.Lock()
	}
	defer m.asking.Unlock()
	if set := m.fresh(now); set != nil {
		return set, nil
	}
	changes := m.changed()
	var version int64
	err := d.DB.QueryRow(ctx, org, `SELECT version FROM custom_field_sets WHERE organization_id = $1`, org).Scan(&version)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("custom fields: %w", err)
	}
	set := m.known()
	if set == nil || set.Version != version {
		if set, err = d.load(ctx, org, version); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.changes == changes {
		m.set, m.checked = set, now
	}
	return set, nil
}

func (m *memory) changed() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changes
}

// fresh returns what is remembered if it need not be looked at again.
func (m *memory) fresh(now time.Time) *Set {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.set == nil || m.checked.IsZero() || now.Sub(m.checked).Abs() >= refreshAfter {
		return nil
	}
	return m.set
}

// known returns what is remembered, which may be a little old; nil once it is known to be.
func (m *memory) known() *Set {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.set
}

// Kind returns the organisation's fields of a kind.
func (d *Definitions) Kind(ctx context.Context, org, kind string) (*Kind, error) {
	s, err := d.Of(ctx, org)
	if err != nil {
		return nil, err
	}
	return s.Kind(kind), nil
}

func (d *Definitions) load(ctx context.Context, org string, version int64) (*Set, error) {
	if version == 0 {
		return compileSet(0, nil, nil), nil
	}
	// Version and fields of one moment: what changes in between is seen at the next look.
	rows, err := d.DB.Query(ctx, org, selectFields+` ORDER BY f.id`, org)
	if err != nil {
		return nil, fmt.Errorf("custom fields: %w", err)
	}
	defs, version, err := collect(rows)
	if err != nil {
		return nil, err
	}
	return compileSet(version, d.specs(), defs), nil
}

// forget makes the next to ask look again.
func (d *Definitions) forget(org string) {
	m := d.memory(org)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set, m.checked = nil, time.Time{}
	m.changes++
}

const selectFields = `
	SELECT s.version, f.definition
	FROM custom_field_sets s
	LEFT JOIN custom_fields f ON f.organization_id = s.organization_id
	WHERE s.organization_id = $1`

func collect(rows pgx.Rows) ([]*customfieldsv1.CustomField, int64, error) {
	var defs []*customfieldsv1.CustomField
	var version int64
	var raw []byte
	_, err := pgx.ForEachRow(rows, []any{&version, &raw}, func() error {
		if raw == nil {
			return nil
		}
		f := &customfieldsv1.CustomField{}
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, f); err != nil {
			return fmt.Errorf("decode custom field: %w", err)
		}
		defs = append(defs, f)
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("custom fields: %w", err)
	}
	return defs, version, nil
}
