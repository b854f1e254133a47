// Package wire translates between the records of the domain and the messages of kontor.contacts.v1, in both
// directions and without any rules: api reads and writes requests with it, publish writes events, and store reads them
// back to answer a repeated request with the record as it was.
package wire

import (
	"fmt"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/money"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
)

// list translates a list; an empty one becomes nil, as proto3 has it.
func list[A, B any](in []A, f func(A) B) []B {
	if len(in) == 0 {
		return nil
	}
	out := make([]B, len(in))
	for i, a := range in {
		out[i] = f(a)
	}
	return out
}

// stamp is nil for a time that is not set.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// instant is zero for a timestamp that is absent. PostgreSQL keeps microseconds.
func instant(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime().Truncate(time.Microsecond)
}

func phones(in []reach.Phone) []*typev1.PhoneNumber {
	return list(in, func(p reach.Phone) *typev1.PhoneNumber {
		return &typev1.PhoneNumber{Number: p.Number, E164: p.E164, Kind: p.Kind, Primary: p.Primary}
	})
}

func emails(in []reach.Email) []*typev1.EmailAddress {
	return list(in, func(e reach.Email) *typev1.EmailAddress {
		return &typev1.EmailAddress{Address: e.Address, Normalized: e.Normalized, Kind: e.Kind, Primary: e.Primary}
	})
}

func links(in []reach.Link) []*typev1.Link {
	return list(in, func(l reach.Link) *typev1.Link { return &typev1.Link{Kind: l.Kind, Value: l.Value} })
}

// points reads what a message says of how its record is reached.
func points(m interface {
	GetPhones() []*typev1.PhoneNumber
	GetEmails() []*typev1.EmailAddress
	GetLinks() []*typev1.Link
},
) reach.Points {
	return reach.Points{
		Phones: list(m.GetPhones(), func(p *typev1.PhoneNumber) reach.Phone {
			return reach.Phone{Number: p.GetNumber(), E164: p.GetE164(), Kind: p.GetKind(), Primary: p.GetPrimary()}
		}),
		Emails: list(m.GetEmails(), func(e *typev1.EmailAddress) reach.Email {
			return reach.Email{Address: e.GetAddress(), Normalized: e.GetNormalized(), Kind: e.GetKind(), Primary: e.GetPrimary()}
		}),
		Links: list(m.GetLinks(), func(l *typev1.Link) reach.Link {
			return reach.Link{Kind: l.GetKind(), Value: l.GetValue()}
		}),
	}
}

func address(a reach.Address) *typev1.Address {
	return &typev1.Address{
		Kind: a.Kind, Street: a.Street, City: a.City, Region: a.Region, PostalCode: a.PostalCode, Country: a.Country,
	}
}

func addressFrom(a *typev1.Address) reach.Address {
	return reach.Address{
		Kind: a.GetKind(), Street: a.GetStreet(), City: a.GetCity(), Region: a.GetRegion(), PostalCode: a.GetPostalCode(),
		Country: a.GetCountry(),
	}
}

func optionalAddress(a *reach.Address) *typev1.Address {
	if a == nil {
		return nil
	}
	return address(*a)
}

func optionalAddressFrom(a *typev1.Address) *reach.Address {
	if a == nil {
		return nil
	}
	out := addressFrom(a)
	return &out
}

func externalIDs(in []record.ExternalID) []*typev1.ExternalId {
	return list(in, func(x record.ExternalID) *typev1.ExternalId { return &typev1.ExternalId{Source: x.Source, Id: x.ID} })
}

func origin(o record.Origin) *typev1.Origin { return &typev1.Origin{Kind: o.Kind, Id: o.ID} }

// metaFrom reads the fields that all kinds have.
func metaFrom(m interface {
	GetId() string
	GetEtag() string
	GetResponsibleId() string
	GetObserverIds() []string
	GetAvailableToEveryone() bool
	GetExternalIds() []*typev1.ExternalId
	GetOrigin() *typev1.Origin
	GetCreatorId() string
	GetCreateTime() *timestamppb.Timestamp
	GetUpdateTime() *timestamppb.Timestamp
	GetDeleteTime() *timestamppb.Timestamp
	GetCustomFields() map[string]*structpb.Value
	GetTags() []string
	GetDoNotContact() []string
},
) (record.Meta, error) {
	version, err := aip.Version(m.GetEtag())
	if err != nil {
		return record.Meta{}, err
	}
	return record.Meta{
		ID: m.GetId(), Version: version, ResponsibleID: m.GetResponsibleId(),
		ObserverIDs: append([]string(nil), m.GetObserverIds()...), Everyone: m.GetAvailableToEveryone(),
		ExternalIDs: list(m.GetExternalIds(), func(x *typev1.ExternalId) record.ExternalID {
			return record.ExternalID{Source: x.GetSource(), ID: x.GetId()}
		}),
		Origin:    record.Origin{Kind: m.GetOrigin().GetKind(), ID: m.GetOrigin().GetId()},
		CreatorID: m.GetCreatorId(), CreatedAt: instant(m.GetCreateTime()), UpdatedAt: instant(m.GetUpdateTime()),
		DeletedAt: instant(m.GetDeleteTime()), Custom: customfields.FromProto(m.GetCustomFields()),
		Tags: append([]string(nil), m.GetTags()...), DoNotContact: append([]string(nil), m.GetDoNotContact()...),
	}, nil
}

// amount reads an amount of money; the message's rules have been checked before.
func amount(field string, m *typev1.Money) (money.Money, error) {
	v, err := money.FromProto(m)
	if err != nil {
		return money.Money{}, record.ErrField.WithField(field, err.Error())
	}
	return v, nil
}

// day writes a day such as "2026-11-21", or "0000-11-21" where the year is not known.
func day(s string) *date.Date {
	if len(s) != len(time.DateOnly) {
		return nil
	}
	number := func(s string) int32 {
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil {
			return 0
		}
		return int32(n)
	}
	return &date.Date{Year: number(s[:4]), Month: number(s[5:7]), Day: number(s[8:])}
}

// dayFrom reads a day. What is not one fails the domain's check.
func dayFrom(d *date.Date) string {
	if d == nil {
		return ""
	}
	if d.GetYear() < 0 || d.GetYear() > 9999 || d.GetMonth() < 0 || d.GetDay() < 0 {
		return fmt.Sprintf("%d-%d-%d", d.GetYear(), d.GetMonth(), d.GetDay())
	}
	return contact.Day(int(d.GetYear()), int(d.GetMonth()), int(d.GetDay()))
}
