package publish

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/event"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/identity/internal/view"
)

// KindView is the kind of saved views in events.
const KindView = "view"

// View is the message of a view.
func View(v *view.View) *identityv1.View {
	p := &identityv1.View{
		Id: v.ID, Kind: v.Kind, Name: v.Name, OrderBy: v.OrderBy, Filter: v.Filter, Audience: identityv1.ViewAudience(v.Audience),
		DepartmentId: v.DepartmentID, DefaultView: v.Default, OwnerId: v.OwnerID, Etag: aip.Etag(v.Version),
		CreateTime: timestamppb.New(v.CreatedAt), UpdateTime: timestamppb.New(v.UpdatedAt),
	}
	for _, c := range v.Columns {
		p.Columns = append(p.Columns, &identityv1.ViewColumn{Field: c.Field, Width: c.Width})
	}
	return p
}

// FillView sets the fields of a view that a caller may set.
func FillView(v *view.View, p *identityv1.View) {
	v.Kind, v.Name, v.OrderBy, v.Filter = p.GetKind(), p.GetName(), p.GetOrderBy(), p.GetFilter()
	v.Audience, v.DepartmentID, v.Default = view.Audience(p.GetAudience()), p.GetDepartmentId(), p.GetDefaultView()
	v.Columns = make([]view.Column, len(p.GetColumns()))
	for i, c := range p.GetColumns() {
		v.Columns[i] = view.Column{Field: c.GetField(), Width: c.GetWidth()}
	}
}

// ViewCreated says that a view was saved.
func ViewCreated(v *view.View) event.Event {
	return viewEvent(v, &identityv1.ViewCreated{View: View(v)})
}

// ViewUpdated says that a view was changed in the fields.
func ViewUpdated(v, previous *view.View, fields []string) event.Event {
	return viewEvent(v, &identityv1.ViewUpdated{View: View(v), Previous: View(previous), UpdateMask: mask(fields)})
}

// ViewDeleted says that a view is gone; its version is one above the last.
func ViewDeleted(v *view.View) event.Event {
	return viewEvent(v, &identityv1.ViewDeleted{View: View(v)})
}

// viewEvent makes an event of a view; its owner answers for it.
func viewEvent(v *view.View, msg proto.Message) event.Event {
	return event.New(Topic, KindView, v.ID, v.Version, msg, event.Responsible(v.OwnerID, ""))
}
