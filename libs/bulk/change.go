package bulk

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/apperr"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// ErrAction is the answer to an action that lacks what it needs, or that records of the kind do not know.
var ErrAction = apperr.Invalid("BULK_ACTION_INVALID",
	"an update needs fields to set, and a reassignment the user who is to be responsible")

// Wish is what the requests of all kinds say of a change.
type Wish interface {
	proto.Message
	GetSelection() *typev1.BulkSelection
	GetAction() typev1.BulkAction
	GetUpdateMask() *fieldmaskpb.FieldMask
}

// Needs returns what a user must be allowed to do to records for an action on them.
func Needs(a typev1.BulkAction) optionsv1.Action {
	switch a {
	case typev1.BulkAction_BULK_ACTION_DELETE, typev1.BulkAction_BULK_ACTION_RESTORE:
		return optionsv1.Action_ACTION_DELETE
	default:
		return optionsv1.Action_ACTION_UPDATE
	}
}

// Encode checks the change that a request asks for and returns it as Request.Change. values are those of an update, fields
// the ones that may be set. A reassignment is known by kinds whose requests name who is to be responsible. It returns
// ErrAction and aip.ErrUpdateMask.
func Encode(w Wish, values proto.Message, fields ...string) ([]byte, error) {
	switch w.GetAction() {
	case typev1.BulkAction_BULK_ACTION_DELETE, typev1.BulkAction_BULK_ACTION_RESTORE:
	case typev1.BulkAction_BULK_ACTION_UPDATE:
		mask, err := aip.UpdateMask(w.GetUpdateMask(), values, fields...)
		if err != nil {
			return nil, err
		}
		if mask.Empty() {
			return nil, ErrAction.WithField("update_mask", "names no field to set")
		}
	case typev1.BulkAction_BULK_ACTION_REASSIGN:
		to, ok := w.(interface{ GetResponsibleId() string })
		switch {
		case !ok:
			return nil, ErrAction.WithField("action", "nobody is responsible for records of this kind")
		case to.GetResponsibleId() == "":
			return nil, ErrAction.WithField("responsible_id", "is needed")
		}
	default:
		return nil, ErrAction.WithField("action", "is not one for records of this kind")
	}
	raw, err := proto.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encode bulk change: %w", err)
	}
	return raw, nil
}

// Selected fills in which records a request is about.
func (r Request) Selected(s *typev1.BulkSelection) Request {
	r.IDs, r.Filter, r.Everything, r.InBin = s.GetIds(), s.GetFilter(), s.GetEverything(), s.GetShowDeleted()
	return r
}
