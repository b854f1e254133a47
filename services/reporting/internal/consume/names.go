package consume

import (
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/event"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/reporting/internal/views"
)

// named reads the name that of finds in events of the kind of like.
func named[P proto.Message](kind string, like P, of func(P) (name, parent string)) func(event.Event) (views.Name, error) {
	return func(ev event.Event) (views.Name, error) {
		m, err := read(ev, like)
		if err != nil {
			return views.Name{}, err
		}
		name, parent := of(m)
		return views.Name{Kind: kind, ID: ev.RecordID, Version: ev.Version, Name: name, ParentID: optional(parent)}, nil
	}
}

func company[P interface {
	proto.Message
	GetCompany() *contactsv1.Company
}](like P) func(event.Event) (views.Name, error) {
	return named("company", like, func(m P) (string, string) { return m.GetCompany().GetName(), m.GetCompany().GetParentId() })
}

func product[P interface {
	proto.Message
	GetProduct() *catalogv1.Product
}](like P) func(event.Event) (views.Name, error) {
	return named("product", like, func(m P) (string, string) { return m.GetProduct().GetName(), m.GetProduct().GetSectionId() })
}

func section[P interface {
	proto.Message
	GetSection() *catalogv1.Section
}](like P) func(event.Event) (views.Name, error) {
	return named("section", like, func(m P) (string, string) { return m.GetSection().GetName(), m.GetSection().GetParentId() })
}
