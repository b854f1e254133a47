package wire

import (
	"time"

	"kontor.internal/libs/aip"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/reach"
)

// ContactFields are the fields of a contact that a caller may set.
func ContactFields() []string {
	return []string{
		"honorific", "first_name", "middle_name", "last_name", "position", "birthday", "photo_file_id", "type", "phones",
		"emails", "links", "addresses", "employments", "source", "responsible_id", "observer_ids", "available_to_everyone",
		"language", "preferred_channel", "consents", "vip", "comment", "external_ids", "custom_fields",
		"tags", "do_not_contact",
	}
}

// Contact writes a contact as a message.
func Contact(c *contact.Contact) *contactsv1.Contact {
	return &contactsv1.Contact{
		Id: c.ID, Etag: aip.Etag(c.Version), Honorific: c.Honorific, FirstName: c.FirstName, MiddleName: c.MiddleName,
		LastName: c.LastName, Name: c.Name(), Position: c.Position, Birthday: day(c.Birthday), PhotoFileId: c.PhotoFileID,
		Type: c.Type, Phones: phones(c.Phones), Emails: emails(c.Emails), Links: links(c.Links),
		Addresses: list(c.Addresses, address),
		Employments: list(c.Employments, func(e contact.Employment) *contactsv1.Employment {
			return &contactsv1.Employment{
				CompanyId: e.CompanyID, Role: e.Role, StartDate: day(e.Start), EndDate: day(e.End), Primary: e.Primary,
			}
		}),
		Source: c.Source, ResponsibleId: c.ResponsibleID, ObserverIds: c.ObserverIDs, AvailableToEveryone: c.Everyone,
		Language: c.Language, PreferredChannel: c.Channel,
		Consents: list(c.Consents, func(p contact.Consent) *contactsv1.Consent {
			return &contactsv1.Consent{
				Purpose: p.Purpose, TextVersion: p.TextVersion, Method: p.Method, Proof: p.Proof,
				GiveTime: stamp(deref(p.GivenAt)), WithdrawTime: stamp(deref(p.WithdrawnAt)),
			}
		}),
		Vip: c.VIP, Comment: c.Comment, ExternalIds: externalIDs(c.ExternalIDs), Origin: origin(c.Origin),
		CreateTime: stamp(c.CreatedAt), UpdateTime: stamp(c.UpdatedAt), DeleteTime: stamp(c.DeletedAt), CreatorId: c.CreatorID,
		CustomFields: c.Custom.Proto(), Tags: c.Tags, DoNotContact: c.DoNotContact,
	}
}

// ContactFrom reads a contact from a message.
func ContactFrom(m *contactsv1.Contact) (*contact.Contact, error) {
	meta, err := metaFrom(m)
	if err != nil {
		return nil, err
	}
	return &contact.Contact{
		Meta: meta, Points: points(m), Honorific: m.GetHonorific(), FirstName: m.GetFirstName(), MiddleName: m.GetMiddleName(),
		LastName: m.GetLastName(), Position: m.GetPosition(), Birthday: dayFrom(m.GetBirthday()),
		PhotoFileID: m.GetPhotoFileId(), Type: m.GetType(),
		Addresses: list(m.GetAddresses(), func(a *typev1.Address) reach.Address { return addressFrom(a) }),
		Employments: list(m.GetEmployments(), func(e *contactsv1.Employment) contact.Employment {
			return contact.Employment{
				CompanyID: e.GetCompanyId(), Role: e.GetRole(), Start: dayFrom(e.GetStartDate()), End: dayFrom(e.GetEndDate()),
				Primary: e.GetPrimary(),
			}
		}),
		Source: m.GetSource(), Language: m.GetLanguage(), Channel: m.GetPreferredChannel(),
		Consents: list(m.GetConsents(), func(p *contactsv1.Consent) contact.Consent {
			return contact.Consent{
				Purpose: p.GetPurpose(), TextVersion: p.GetTextVersion(), Method: p.GetMethod(), Proof: p.GetProof(),
				GivenAt: optional(instant(p.GetGiveTime())), WithdrawnAt: optional(instant(p.GetWithdrawTime())),
			}
		}),
		VIP: m.GetVip(), Comment: m.GetComment(),
	}, nil
}

func deref(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
