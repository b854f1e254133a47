package mergework

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/services/contacts/internal/alike"
	"kontor.internal/services/contacts/internal/duplicate"
	"kontor.internal/services/contacts/internal/merge"
	"kontor.internal/services/contacts/internal/store"
)

// Records is how groups of one kind are merged; it is a [Kind].
type Records[T any, P duplicate.Entity[T], M proto.Message] struct {
	Merges *merge.Records[T, P, M]
	Table  store.Merging[T, P]
	// Fixed says that a record can only be the one that stays. Nil if there are none.
	Fixed func(*T) bool
	// Own returns the custom fields of the kind.
	Own func(ctx context.Context, org string) (*customfields.Kind, error)
}

// rounding is how much less sure two records may be than the scan reckoned them: it has single precision.
const rounding = 0.002

// Join see [Kind].
func (k *Records[T, P, M]) Join(
	ctx context.Context, tx pgx.Tx, may merge.Rights, b *store.MergeBatch, g store.MergeGroup,
) (*merge.Done, []event.Event, error) {
	records, err := k.Table.Lock(ctx, tx, b.OrganizationID, g.IDs)
	if err != nil {
		return nil, nil, err
	}
	if !k.sure(records, b) {
		return nil, nil, merge.ErrUnsure
	}
	slices.SortFunc(records, k.first)
	number := g.Number
	d := &merge.Done{
		ID: id.New(), Kind: b.Kind, SurvivorID: P(records[0]).Common().ID, UserID: authn.MustFrom(ctx).UserID,
		CreatedAt: k.Merges.Book.Clock.Now(), BatchID: b.ID, BatchNumber: &number,
	}
	for _, r := range records[1:] {
		d.MergedIDs = append(d.MergedIDs, P(r).Common().ID)
	}
	decide, err := k.Merges.Decider(ctx, may, &merge.Plan{Kind: b.Kind, SurvivorID: d.SurvivorID, MergedIDs: d.MergedIDs})
	if err != nil {
		return nil, nil, err
	}
	evs, err := k.Table.Join(ctx, tx, b.OrganizationID, d, decide)
	return d, evs, err
}

// first orders records by who is to stay: a fixed one, then the one made first.
func (k *Records[T, P, M]) first(a, b *T) int {
	if k.Fixed != nil && k.Fixed(a) != k.Fixed(b) {
		if k.Fixed(a) {
			return -1
		}
		return 1
	}
	x, y := P(a).Common(), P(b).Common()
	if c := x.CreatedAt.Compare(y.CreatedAt); c != 0 {
		return c
	}
	return strings.Compare(x.ID, y.ID)
}

// sure reports whether the records, as they are now, are still connected by pairs as sure as the batch asks for.
func (k *Records[T, P, M]) sure(records []*T, b *store.MergeBatch) bool {
	var groups merge.Groups[int]
	for i, r := range records {
		groups.Join(i, i)
		mine := P(r).LookUp()
		for j := range i {
			e, reasons := alike.Compare(mine, P(records[j]).LookUp())
			has := b.Reason == "" || slices.ContainsFunc(reasons, func(r alike.Reason) bool { return r.Field == b.Reason })
			if has && e.Score() >= b.MinScore-rounding {
				groups.Join(i, j)
			}
		}
	}
	return len(groups.All()) == 1
}

// Part see [Kind].
func (k *Records[T, P, M]) Part(ctx context.Context, tx pgx.Tx, may merge.Rights, mergeID string) ([]event.Event, error) {
	org := may.Update.OrganizationID
	own, err := k.Own(ctx, org)
	if err != nil {
		return nil, err
	}
	return k.Table.Part(ctx, tx, org, mergeID, k.Merges.Book.Clock.Now(), own, k.Merges.Admit(may))
}
