package wire

import (
	"kontor.internal/libs/aip"
	"kontor.internal/libs/money"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/reach"
)

// CompanyFields are the fields of a company that a caller may set.
func CompanyFields() []string {
	return []string{
		"name", "legal_name", "type", "industry", "annual_turnover", "employees", "parent_id", "requisites", "phones", "emails",
		"links", "addresses", "source", "responsible_id", "observer_ids", "available_to_everyone", "comment", "external_ids", "custom_fields",
		"tags", "do_not_contact",
	}
}

// Company writes a company as a message.
func Company(c *company.Company) *contactsv1.Company {
	return &contactsv1.Company{
		Id: c.ID, Etag: aip.Etag(c.Version), Name: c.Name, LegalName: c.LegalName, Type: c.Type, Industry: c.Industry,
		AnnualTurnover: money.ToProto(c.Turnover), Employees: c.Employees, ParentId: c.ParentID,
		Requisites: list(c.Requisites, requisites), Phones: phones(c.Phones), Emails: emails(c.Emails), Links: links(c.Links),
		Addresses: list(c.Addresses, address), Source: c.Source, ResponsibleId: c.ResponsibleID, ObserverIds: c.ObserverIDs,
		AvailableToEveryone: c.Everyone, Comment: c.Comment, ExternalIds: externalIDs(c.ExternalIDs), Origin: origin(c.Origin),
		CreateTime: stamp(c.CreatedAt), UpdateTime: stamp(c.UpdatedAt), DeleteTime: stamp(c.DeletedAt), CreatorId: c.CreatorID,
		CustomFields: c.Custom.Proto(), Tags: c.Tags, DoNotContact: c.DoNotContact,
	}
}

// CompanyFrom reads a company from a message.
func CompanyFrom(m *contactsv1.Company) (*company.Company, error) {
	meta, err := metaFrom(m)
	if err != nil {
		return nil, err
	}
	turnover, err := amount("annual_turnover", m.GetAnnualTurnover())
	if err != nil {
		return nil, err
	}
	return &company.Company{
		Meta: meta, Points: points(m), Name: m.GetName(), LegalName: m.GetLegalName(), Type: m.GetType(),
		Industry: m.GetIndustry(), Turnover: turnover, Employees: m.GetEmployees(), ParentID: m.GetParentId(),
		Requisites: list(m.GetRequisites(), requisitesFrom),
		Addresses:  list(m.GetAddresses(), func(a *typev1.Address) reach.Address { return addressFrom(a) }),
		Source:     m.GetSource(), Comment: m.GetComment(),
	}, nil
}

func requisites(r company.Requisites) *contactsv1.Requisites {
	return &contactsv1.Requisites{
		Name: r.Name, Country: r.Country, LegalForm: r.LegalForm, LegalName: r.LegalName, VatNumber: r.VATNumber,
		TaxNumber: r.TaxNumber, RegistrationNumber: r.RegistrationNumber, LegalAddress: optionalAddress(r.LegalAddress),
		PostalAddress: optionalAddress(r.PostalAddress),
		BankAccounts: list(r.BankAccounts, func(b company.BankAccount) *contactsv1.BankAccount {
			return &contactsv1.BankAccount{
				Iban: b.IBAN, AccountNumber: b.AccountNumber, Bic: b.BIC, BankCode: b.BankCode, BankName: b.BankName,
				CurrencyCode: b.Currency,
			}
		}),
		Signatories: list(r.Signatories, func(s company.Signatory) *contactsv1.Signatory {
			return &contactsv1.Signatory{Name: s.Name, Position: s.Position, Basis: s.Basis}
		}),
		Primary: r.Primary,
	}
}

func requisitesFrom(r *contactsv1.Requisites) company.Requisites {
	return company.Requisites{
		Name: r.GetName(), Country: r.GetCountry(), LegalForm: r.GetLegalForm(), LegalName: r.GetLegalName(),
		VATNumber: r.GetVatNumber(), TaxNumber: r.GetTaxNumber(), RegistrationNumber: r.GetRegistrationNumber(),
		LegalAddress: optionalAddressFrom(r.GetLegalAddress()), PostalAddress: optionalAddressFrom(r.GetPostalAddress()),
		BankAccounts: list(r.GetBankAccounts(), func(b *contactsv1.BankAccount) company.BankAccount {
			return company.BankAccount{
				IBAN: b.GetIban(), AccountNumber: b.GetAccountNumber(), BIC: b.GetBic(), BankCode: b.GetBankCode(),
				BankName: b.GetBankName(), Currency: b.GetCurrencyCode(),
			}
		}),
		Signatories: list(r.GetSignatories(), func(s *contactsv1.Signatory) company.Signatory {
			return company.Signatory{Name: s.GetName(), Position: s.GetPosition(), Basis: s.GetBasis()}
		}),
		Primary: r.GetPrimary(),
	}
}
