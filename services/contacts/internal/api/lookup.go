package api

import (
	"context"

	"kontor.internal/libs/apperr"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/store"
)

// errContactPoint says that there is nothing to look up.
var errContactPoint = apperr.Invalid("CONTACT_POINT_INVALID", "give a telephone number or an e-mail address that can exist")

// LookupContactPoint see the contract.
func (s *contactsServer) LookupContactPoint(
	ctx context.Context, req *contactsv1.LookupContactPointRequest,
) (*contactsv1.LookupContactPointResponse, error) {
	contacts := s.caller(ctx, record.Contact)
	org, _ := s.Directory.Organization(contacts.OrganizationID)
	points := reach.Points{
		Phones: []reach.Phone{{E164: reach.E164(req.GetPhone(), org.Country)}},
		Emails: []reach.Email{{Normalized: reach.NormalizeEmail(req.GetEmail())}},
	}
	lookUp := points.LookUp()
	if len(lookUp) == 0 {
		return nil, errContactPoint
	}
	found, err := s.LookUp.LookUpPoints(ctx, contacts, s.viewer(ctx, record.Company), s.viewer(ctx, record.Lead), lookUp)
	if err != nil {
		return nil, err
	}
	res := &contactsv1.LookupContactPointResponse{Matches: make([]*contactsv1.ContactPointMatch, len(found))}
	for i, m := range found {
		res.Matches[i] = &contactsv1.ContactPointMatch{
			Record: &typev1.Ref{Kind: string(m.Kind), Id: m.ID}, Name: m.Name, ResponsibleId: m.ResponsibleID, Matched: m.Matched,
		}
	}
	return res, nil
}

// keys reads what records are looked up by.
func keys(req interface {
	GetNames() []string
	GetEmails() []string
	GetExternalIds() []*typev1.ExternalId
},
) store.Keys {
	k := store.Keys{Names: req.GetNames(), Emails: req.GetEmails()}
	for _, x := range req.GetExternalIds() {
		k.ExternalIDs = append(k.ExternalIDs, record.ExternalID{Source: x.GetSource(), ID: x.GetId()})
	}
	return k
}
