package wire

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/money"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/contacts/internal/lead"
)

// LeadFields are the fields of a lead that a caller may set.
func LeadFields() []string {
	return []string{
		"title", "request", "first_name", "middle_name", "last_name", "position", "company_name", "phones", "emails", "links",
		"address", "source", "utm", "referrer", "responsible_id", "observer_ids", "available_to_everyone", "products", "amount",
		"comment", "external_ids", "custom_fields",
		"tags", "do_not_contact", "importance",
	}
}

// Lead writes a lead as a message, overdue or not as of now.
func Lead(l *lead.Lead, now time.Time) *contactsv1.Lead {
	m := LeadStored(l)
	m.OverdueSince = stamp(l.Overdue(now))
	return m
}

// LeadStored writes what is stored of a lead; whether it is overdue depends on the time of asking and is not.
func LeadStored(l *lead.Lead) *contactsv1.Lead {
	m := &contactsv1.Lead{
		Id: l.ID, Etag: aip.Etag(l.Version), Title: l.Title, Request: l.Request, FirstName: l.FirstName,
		MiddleName: l.MiddleName, LastName: l.LastName, Position: l.Position, CompanyName: l.CompanyName,
		Phones: phones(l.Phones), Emails: emails(l.Emails), Links: links(l.Links), Address: optionalAddress(l.Address),
		Source: l.Source, Referrer: l.Referrer, StatusId: l.StatusID, ResponsibleId: l.ResponsibleID,
		ObserverIds: l.ObserverIDs, AvailableToEveryone: l.Everyone,
		Products: list(l.Products, func(p lead.Product) *contactsv1.LeadProduct {
			return &contactsv1.LeadProduct{
				ProductId: p.ProductID, Name: p.Name, Quantity: p.Quantity, Price: money.ToProto(p.Price),
			}
		}),
		Amount: money.ToProto(l.Amount), Comment: l.Comment, ExternalIds: externalIDs(l.ExternalIDs), Origin: origin(l.Origin),
		TouchTime: stamp(l.TouchedAt), CreateTime: stamp(l.CreatedAt), UpdateTime: stamp(l.UpdatedAt),
		DeleteTime: stamp(l.DeletedAt), CreatorId: l.CreatorID,
		CustomFields: l.Custom.Proto(), Tags: l.Tags, DoNotContact: l.DoNotContact,
		Importance: l.Importance, ScreenTime: stamp(l.ScreenedAt), JunkReason: l.JunkReason,
	}
	if l.UTM != (lead.UTM{}) {
		m.Utm = &contactsv1.Utm{
			Source: l.UTM.Source, Medium: l.UTM.Medium, Campaign: l.UTM.Campaign, Term: l.UTM.Term, Content: l.UTM.Content,
		}
	}
	if c := l.Conversion; c != nil {
		m.Conversion = &contactsv1.Conversion{
			ContactId: c.ContactID, CompanyId: c.CompanyID, DealId: c.DealID,
			DealState: contactsv1.DealState(c.DealState),
			DealError: c.DealError, ConvertTime: stamp(c.At), UserId: c.UserID,
		}
	}
	return m
}

// LeadFrom reads a lead from a message.
func LeadFrom(m *contactsv1.Lead) (*lead.Lead, error) {
	meta, err := metaFrom(m)
	if err != nil {
		return nil, err
	}
	l := &lead.Lead{
		Meta: meta, Points: points(m), Title: m.GetTitle(), Request: m.GetRequest(), FirstName: m.GetFirstName(),
		MiddleName: m.GetMiddleName(), LastName: m.GetLastName(), Position: m.GetPosition(), CompanyName: m.GetCompanyName(),
		Address: optionalAddressFrom(m.GetAddress()), Source: m.GetSource(), Referrer: m.GetReferrer(),
		UTM: lead.UTM{
			Source: m.GetUtm().GetSource(), Medium: m.GetUtm().GetMedium(), Campaign: m.GetUtm().GetCampaign(),
			Term: m.GetUtm().GetTerm(), Content: m.GetUtm().GetContent(),
		},
		StatusID: m.GetStatusId(), Comment: m.GetComment(), TouchedAt: instant(m.GetTouchTime()),
		Importance: m.GetImportance(), ScreenedAt: instant(m.GetScreenTime()), JunkReason: m.GetJunkReason(),
	}
	if l.Amount, err = amount("amount", m.GetAmount()); err != nil {
		return nil, err
	}
	for _, p := range m.GetProducts() {
		price, err := amount("products.price", p.GetPrice())
		if err != nil {
			return nil, err
		}
		l.Products = append(l.Products, lead.Product{
			ProductID: p.GetProductId(), Name: p.GetName(), Quantity: p.GetQuantity(), Price: price,
		})
	}
	if c := m.GetConversion(); c != nil {
		l.Conversion = &lead.Conversion{
			ContactID: c.GetContactId(), CompanyID: c.GetCompanyId(), DealID: c.GetDealId(),
			DealState: lead.DealState(c.GetDealState()), DealError: c.GetDealError(), At: instant(c.GetConvertTime()),
			UserID: c.GetUserId(),
		}
	}
	return l, nil
}

// Status writes a lead status as a message; position is its place in the order.
func Status(s lead.Status, position int) *contactsv1.LeadStatus {
	return &contactsv1.LeadStatus{
		Id: s.ID, Etag: aip.Etag(s.Version), Name: s.Name,
		Kind:     contactsv1.LeadStatusKind(s.Kind),
		Position: int32(position),
		Color:    s.Color, Retired: s.Retired, CreateTime: stamp(s.CreatedAt), UpdateTime: stamp(s.UpdatedAt),
	}
}

// Statuses writes the statuses of a configuration in their order.
func Statuses(c lead.Config) []*contactsv1.LeadStatus {
	out := make([]*contactsv1.LeadStatus, len(c.Statuses))
	for i, s := range c.Statuses {
		out[i] = Status(s, i)
	}
	return out
}

// StatusFrom reads a lead status from a message.
func StatusFrom(m *contactsv1.LeadStatus) lead.Status {
	version, _ := aip.Version(m.GetEtag()) // of our own making, or checked by the handler
	return lead.Status{
		ID: m.GetId(), Version: version, Name: m.GetName(), Kind: lead.StatusKind(m.GetKind()), Color: m.GetColor(),
		Retired: m.GetRetired(), CreatedAt: instant(m.GetCreateTime()), UpdatedAt: instant(m.GetUpdateTime()),
	}
}

// Settings writes the settings of a configuration.
func Settings(c lead.Config) *contactsv1.LeadSettings {
	m := &contactsv1.LeadSettings{Etag: aip.Etag(c.Version), UntouchedLimit: durationpb.New(c.UntouchedLimit)}
	if a := c.Auto; a != (lead.AutoConversion{}) {
		m.AutoConversion = &contactsv1.AutoConversion{Contact: a.Contact, Company: a.Company, Deal: a.Deal, PipelineId: a.PipelineID}
	}
	return m
}

// ConfigFrom reads a configuration from the parts of its event.
func ConfigFrom(version int64, statuses []*contactsv1.LeadStatus, s *contactsv1.LeadSettings) lead.Config {
	return lead.Config{
		Version: version, Statuses: list(statuses, StatusFrom), UntouchedLimit: s.GetUntouchedLimit().AsDuration(),
		Auto: AutoFrom(s.GetAutoConversion()),
	}
}

// AutoFrom reads what is made of leads that are taken into work.
func AutoFrom(m *contactsv1.AutoConversion) lead.AutoConversion {
	return lead.AutoConversion{Contact: m.GetContact(), Company: m.GetCompany(), Deal: m.GetDeal(), PipelineID: m.GetPipelineId()}
}

// Worked reports whether a change of these fields is work on the lead and not only its handing over or sorting.
func Worked(mask aip.Mask) bool {
	for _, p := range mask.Paths() {
		switch p {
		case "responsible_id", "observer_ids", "available_to_everyone", "importance", "tags", "do_not_contact":
		default:
			return true
		}
	}
	return false
}
