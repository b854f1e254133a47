package customfields

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/idem"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
)

// change is one transaction on the definitions of a kind: they are locked, looked at and saved one by one.
type change struct {
	d    *Definitions
	tx   pgx.Tx
	org  string
	spec KindSpec
	// all are the definitions of the kind, in no order.
	all []*customfieldsv1.CustomField
	evs []event.Event
}

func (d *Definitions) spec(kind string) (KindSpec, error) {
	for _, k := range d.Kinds {
		if k.Name == kind {
			return k, nil
		}
	}
	return KindSpec{}, ErrKind
}

// change runs fn on the locked definitions of a kind. A request that was answered before is answered with the field as it
// was then.
func (d *Definitions) change(
	ctx context.Context, org, kind string, fn func(context.Context, *change) (*customfieldsv1.CustomField, error),
) (*customfieldsv1.CustomField, error) {
	spec, err := d.spec(kind)
	if err != nil {
		return nil, err
	}
	var out *customfieldsv1.CustomField
	err = d.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		c := &change{d: d, tx: tx, org: org, spec: spec}
		// One change at a time for each organisation. Whoever is second waits here for the first to commit.
		if _, err := tx.Exec(ctx, `
			INSERT INTO custom_field_sets (organization_id, version) VALUES ($1, 1)
			ON CONFLICT (organization_id) DO UPDATE SET version = custom_field_sets.version + 1`, org); err != nil {
			return nil, fmt.Errorf("lock custom fields: %w", err)
		}
		rows, err := tx.Query(ctx, selectFields+` AND f.kind = $2`, org, kind)
		if err != nil {
			return nil, fmt.Errorf("read custom fields: %w", err)
		}
		if c.all, _, err = collect(rows); err != nil {
			return nil, err
		}
		if out, err = fn(ctx, c); err != nil {
			return nil, err
		}
		return c.evs, nil
	})
	d.forget(org)
	var replay *idem.Replay
	if errors.As(err, &replay) {
		return d.at(ctx, org, replay)
	}
	return out, err
}

// at returns a field as it was at a version, from its event.
func (d *Definitions) at(ctx context.Context, org string, r *idem.Replay) (*customfieldsv1.CustomField, error) {
	if r.Kind != EventKind {
		return nil, idem.ErrReused
	}
	ev, err := d.DB.EventAt(ctx, org, r.Kind, r.RecordID, r.Version)
	if err != nil {
		return nil, fmt.Errorf("read custom field as of version %d: %w", r.Version, err)
	}
	var msg customfieldsv1.CustomFieldCreated // the field is the first of every event
	if err := proto.Unmarshal(ev.Payload, &msg); err != nil {
		return nil, fmt.Errorf("decode event %s: %w", ev.ID, err)
	}
	return msg.GetCustomField(), nil
}

func (c *change) find(fieldID, etag string) (*customfieldsv1.CustomField, error) {
	seen, err := aip.Version(etag)
	if err != nil {
		return nil, err
	}
	for _, f := range c.all {
		if f.GetId() != strings.ToLower(fieldID) {
			continue
		}
		if seen != 0 && aip.Etag(seen) != f.GetEtag() {
			return nil, ErrStale
		}
		return f, nil
	}
	return nil, ErrNotFound
}

// others are the definitions without this one.
func (c *change) others(f *customfieldsv1.CustomField) []*customfieldsv1.CustomField {
	return slices.DeleteFunc(slices.Clone(c.all), func(o *customfieldsv1.CustomField) bool { return o.GetId() == f.GetId() })
}

func (c *change) inUse() int {
	n := 0
	for _, f := range c.all {
		if f.GetRetireTime() == nil {
			n++
		}
	}
	return n
}

// save writes a field with its event. before is nil for a new one.
func (c *change) save(ctx context.Context, before, f *customfieldsv1.CustomField, event proto.Message) error {
	version, err := aip.Version(f.GetEtag())
	if err != nil {
		return err
	}
	version++
	f.Etag = aip.Etag(version)
	f.UpdateTime = timestamppb.New(c.d.Clock.Now())
	raw, err := protojson.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode custom field: %w", err)
	}
	if before == nil {
		_, err = c.tx.Exec(ctx, `
			INSERT INTO custom_fields (organization_id, id, version, kind, key, is_unique, definition) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			c.org, f.GetId(), version, f.GetKind(), f.GetKey(), f.GetUnique(), raw)
	} else {
		_, err = c.tx.Exec(ctx, `
			UPDATE custom_fields SET version = $3, is_unique = $4, definition = $5 WHERE organization_id = $1 AND id = $2`,
			c.org, f.GetId(), version, f.GetUnique(), raw)
	}
	if err != nil {
		return fmt.Errorf("save custom field: %w", err)
	}
	c.evs = append(c.evs, eventOf(c.d.Topic, f, version, event))
	return nil
}

func eventOf(topic string, f *customfieldsv1.CustomField, version int64, msg proto.Message) event.Event {
	return event.New(topic, EventKind, f.GetId(), version, msg)
}

// enqueue makes the job that brings the records that are there in line with a definition.
func (c *change) enqueue(ctx context.Context, f *customfieldsv1.CustomField, what Task) error {
	return c.d.Enqueue(ctx, c.tx, Job{OrganizationID: c.org, RecordKind: f.GetKind(), FieldID: f.GetId(), Task: what})
}

// Create adds a field, last in the order.
func (d *Definitions) Create(ctx context.Context, org, kind string, in *customfieldsv1.CustomField) (*customfieldsv1.CustomField, error) {
	return d.change(ctx, org, kind, func(ctx context.Context, c *change) (*customfieldsv1.CustomField, error) {
		if c.inUse() >= MaxFields || len(c.all) >= maxStored {
			return nil, ErrTooMany
		}
		f := clone(in)
		f.Id, f.Etag, f.Kind = id.New(), "", kind
		f.RetireTime, f.Conflicts, f.UniqueState = nil, nil, customfieldsv1.UniqueState_UNIQUE_STATE_UNSPECIFIED
		f.CreateTime = timestamppb.New(d.Clock.Now())
		if err := define(c.spec, c.all, nil, f); err != nil {
			return nil, err
		}
		if f.GetUnique() { // nobody has a value of it yet
			f.UniqueState = customfieldsv1.UniqueState_UNIQUE_STATE_ENFORCED
		}
		f.Position = 0
		for _, o := range c.all {
			f.Position = max(f.GetPosition(), o.GetPosition()+1)
		}
		if err := c.save(ctx, nil, f, &customfieldsv1.CustomFieldCreated{CustomField: f}); err != nil {
			return nil, err
		}
		if f.GetType() == customfieldsv1.Type_TYPE_FORMULA {
			return f, c.enqueue(ctx, f, TaskCompute)
		}
		return f, nil
	})
}

// updatable are the parts of a definition that can be changed.
func updatable() []string {
	return []string{
		"label", "help", "choices", "required", "required_stage_id", "unique", "default_value", "section", "visible_when", "formula",
		"pipeline_id",
	}
}

// Update changes the parts of a definition that mask names.
func (d *Definitions) Update(
	ctx context.Context, org, kind, fieldID string, mask aip.Mask, in *customfieldsv1.CustomField,
) (*customfieldsv1.CustomField, error) {
	return d.change(ctx, org, kind, func(ctx context.Context, c *change) (*customfieldsv1.CustomField, error) {
		before, err := c.find(fieldID, in.GetEtag())
		if err != nil {
			return nil, err
		}
		f := clone(before)
		mask.Apply(f, in)
		if err := define(c.spec, c.others(f), before, f); err != nil {
			return nil, err
		}
		compare := mask.Has("unique") && (f.GetUnique() != before.GetUnique() ||
			f.GetUniqueState() == customfieldsv1.UniqueState_UNIQUE_STATE_CONFLICTS)
		if compare {
			f.Conflicts, f.UniqueState = nil, customfieldsv1.UniqueState_UNIQUE_STATE_UNSPECIFIED
			if f.GetUnique() {
				f.UniqueState = customfieldsv1.UniqueState_UNIQUE_STATE_CHECKING
			}
		}
		if len(changed(before, f)) == 0 {
			return before, nil
		}
		if err := c.save(ctx, before, f, updated(before, f)); err != nil {
			return nil, err
		}
		if compare {
			if err := c.enqueue(ctx, f, TaskCompare); err != nil {
				return nil, err
			}
		}
		if f.GetFormula() != before.GetFormula() || f.GetType() == customfieldsv1.Type_TYPE_FORMULA && f.GetPipelineId() != before.GetPipelineId() {
			return f, c.enqueue(ctx, f, TaskCompute)
		}
		return f, nil
	})
}

func updated(before, f *customfieldsv1.CustomField) proto.Message {
	return &customfieldsv1.CustomFieldUpdated{
		CustomField: f, Previous: before, UpdateMask: &fieldmaskpb.FieldMask{Paths: changed(before, f)},
	}
}

// Retire takes a field out of use. One that is retired stays as it is.
func (d *Definitions) Retire(ctx context.Context, org, kind, fieldID, etag string) (*customfieldsv1.CustomField, error) {
	return d.change(ctx, org, kind, func(ctx context.Context, c *change) (*customfieldsv1.CustomField, error) {
		before, err := c.find(fieldID, etag)
		if err != nil || before.GetRetireTime() != nil {
			return before, err
		}
		if by, ok := usedBy(c.spec, c.all, before.GetKey()); ok {
			return nil, ErrInUse.With("by", by)
		}
		f := clone(before)
		f.RetireTime = timestamppb.New(d.Clock.Now())
		return f, c.save(ctx, before, f, &customfieldsv1.CustomFieldRetired{CustomField: f})
	})
}

// Restore takes a retired field into use again. One that is in use stays as it is.
func (d *Definitions) Restore(ctx context.Context, org, kind, fieldID, etag string) (*customfieldsv1.CustomField, error) {
	return d.change(ctx, org, kind, func(ctx context.Context, c *change) (*customfieldsv1.CustomField, error) {
		before, err := c.find(fieldID, etag)
		if err != nil || before.GetRetireTime() == nil {
			return before, err
		}
		if c.inUse() >= MaxFields {
			return nil, ErrTooMany
		}
		f := clone(before)
		f.RetireTime = nil
		if err := define(c.spec, c.others(f), before, f); err != nil { // what it names may be gone
			return nil, err
		}
		if err := c.save(ctx, before, f, &customfieldsv1.CustomFieldRestored{CustomField: f}); err != nil {
			return nil, err
		}
		if f.GetType() == customfieldsv1.Type_TYPE_FORMULA {
			return f, c.enqueue(ctx, f, TaskCompute)
		}
		return f, nil
	})
}

// Reorder puts the fields in use into the order of ids and returns them.
func (d *Definitions) Reorder(ctx context.Context, org, kind string, ids []string) ([]*customfieldsv1.CustomField, error) {
	_, err := d.change(ctx, org, kind, func(ctx context.Context, c *change) (*customfieldsv1.CustomField, error) {
		if len(ids) != c.inUse() {
			return nil, ErrOrder
		}
		seen := map[string]bool{}
		var last *customfieldsv1.CustomField
		for i, fieldID := range ids {
			before, err := c.find(fieldID, "")
			if err != nil || before.GetRetireTime() != nil || seen[before.GetId()] {
				return nil, ErrOrder
			}
			seen[before.GetId()] = true
			last = before
			if before.GetPosition() == int32(i) {
				continue
			}
			f := clone(before)
			f.Position = int32(i)
			if err := c.save(ctx, before, f, updated(before, f)); err != nil {
				return nil, err
			}
			last = f
		}
		return last, nil
	})
	if err != nil {
		return nil, err
	}
	return d.List(ctx, org, kind, false)
}

// List returns the fields of a kind in their order, retired ones after the others if they are asked for.
func (d *Definitions) List(ctx context.Context, org, kind string, retired bool) ([]*customfieldsv1.CustomField, error) {
	if _, err := d.spec(kind); err != nil {
		return nil, err
	}
	k, err := d.Kind(ctx, org, kind)
	if err != nil {
		return nil, err
	}
	out := make([]*customfieldsv1.CustomField, 0, len(k.Fields))
	for _, f := range k.Fields {
		out = append(out, f.Def)
	}
	if retired {
		var gone []*customfieldsv1.CustomField
		for _, f := range k.all {
			if f.Retired() {
				gone = append(gone, f.Def)
			}
		}
		slices.SortFunc(gone, func(a, b *customfieldsv1.CustomField) int { return strings.Compare(a.GetKey(), b.GetKey()) })
		out = append(out, gone...)
	}
	return out, nil
}

// Get returns a field, also a retired one.
func (d *Definitions) Get(ctx context.Context, org, kind, fieldID string) (*customfieldsv1.CustomField, error) {
	all, err := d.List(ctx, org, kind, true)
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		if f.GetId() == strings.ToLower(fieldID) {
			return f, nil
		}
	}
	return nil, ErrNotFound
}
