package imports

// knownAs returns what other systems, and people, call the column that fills a field: in lower case, without spaces and
// signs.
func knownAs(field string) []string {
	switch field {
	case "active":
		return []string{"enabled"}
	case "amount":
		return []string{"value", "budget", "opportunity", "сумма", "closevalue", "dealvalue", "sum"}
	case "annual_turnover":
		return []string{"turnover", "revenue", "annualrevenue", "umsatz", "оборот", "годовойоборот"}
	case "barcode":
		return []string{"ean", "upc", "gtin"}
	case "begin_time":
		return []string{"begin", "created", "createdate", "engagedate", "startdate", "датаначала"}
	case "bic":
		return []string{"swift"}
	case "birthday":
		return []string{"dateofbirth", "birthdate", "деньрождения", "датарождения"}
	case "city":
		return []string{"address1city", "ortgeschäftlich", "town", "businesscity", "ort", "stadt", "miasto", "город"}
	case "close_time":
		return []string{"closedate", "closed", "датазавершения"}
	case "comment":
		return []string{"notes", "note", "description", "remarks", "комментарий", "примечание"}
	case "company":
		return []string{
			"companyname", "organization", "organizationname", "account", "employer", "associatedcompany", "firma",
			"компания", "client", "customer",
		}
	case "company_name":
		return []string{"company", "organization", "firma", "компания", "названиекомпании"}
	case "contact":
		return []string{"person", "associatedcontact", "контакт"}
	case "country":
		return []string{"address1country", "businesscountryregion", "landregiongeschäftlich", "countryregion", "officelocation", "land", "kraj", "страна"}
	case "department":
		return []string{"team", "office", "abteilung", "отдел"}
	case "description":
		return []string{"details", "описание"}
	case "email":
		return []string{"mail", "emailaddress"}
	case "emails":
		return []string{"email", "emailaddress", "mail", "email1value", "workemail", "почта", "рабочийemail"}
	case "employees":
		return []string{"numberofemployees", "headcount", "mitarbeiter", "сотрудники"}
	case "first_name":
		return []string{"first", "givenname", "name", "fullname", "vorname", "imie", "имя"}
	case "heads_department":
		return []string{"head"}
	case "honorific":
		return []string{"salutation", "nameprefix", "prefix", "anrede", "обращение"}
	case "industry":
		return []string{"sector", "branche", "отрасль", "сферадеятельности"}
	case "language":
		return []string{"язык"}
	case "last_name":
		return []string{"last", "surname", "familyname", "nachname", "nazwisko", "фамилия"}
	case "legal_name":
		return []string{"registeredname"}
	case "lost_reason":
		return []string{"closedlostreason", "reason"}
	case "middle_name":
		return []string{"additionalname", "отчество"}
	case "minimum_price":
		return []string{"minprice"}
	case "name":
		return []string{
			"title", "fullname", "item", "employee", "account", "accountname", "organization", "organizationname",
			"opportunity", "opportunityid", "opportunityname", "agent", "salesagent", "firma", "mitarbeiter", "название",
			"сотрудник", "товар", "компания", "сделка",
		}
	case "parent":
		return []string{"parentcompany", "subsidiaryof", "parentaccount"}
	case "phone":
		return []string{"telephone", "tel"}
	case "phones":
		return []string{
			"phone", "telephone", "tel", "phonenumber", "phone1value", "businessphone", "workphone", "mobilephone",
			"telefon", "телефон", "рабочийтелефон",
		}
	case "pipeline":
		return []string{"воронка"}
	case "planned_close_date":
		return []string{"expectedclosedate", "expectedclose", "duedate"}
	case "position":
		return []string{"jobtitle", "title", "role", "organizationtitle", "должность"}
	case "postal_code":
		return []string{"address1postalcode", "postleitzahlgeschäftlich", "zip", "postcode", "zipcode", "plz", "businesspostalcode", "индекс"}
	case "price":
		return []string{"salesprice", "listprice", "unitprice", "preis", "cena", "цена"}
	case "probability":
		return []string{"dealprobability"}
	case "product":
		return []string{"productinterest", "товар"}
	case "quantity":
		return []string{"qty"}
	case "referrer":
		return []string{"referer"}
	case "region":
		return []string{"address1region", "stateregion", "state", "province", "businessstate", "область"}
	case "registration_number":
		return []string{"registernumber", "krs", "огрн"}
	case "request":
		return []string{"message", "enquiry", "inquiry", "question"}
	case "responsible":
		return []string{
			"responsibleperson", "verantwortlicheperson",
			"owner", "manager", "agent", "salesagent", "assignedto", "contactowner", "companyowner", "ответственный",
			"opiekun", "dealowner",
		}
	case "roles":
		return []string{"role"}
	case "section":
		return []string{"category", "series", "group", "kategorie", "раздел", "категория"}
	case "sip_extension":
		return []string{"extension"}
	case "sites":
		return []string{"website", "site", "url", "web", "webpage", "websiteurl", "сайт"}
	case "sku":
		return []string{"article", "articlenumber", "code", "productcode", "артикул"}
	case "source":
		return []string{"leadsource", "quelle", "источник"}
	case "stage":
		return []string{"dealstage", "status", "стадия", "стадиясделки"}
	case "status":
		return []string{"leadstatus", "stage", "статус"}
	case "street":
		return []string{"address1street", "straßegeschäftlich", "address", "streetaddress", "businessstreet", "strasse", "ulica", "адрес", "улица"}
	case "tax_number":
		return []string{"taxid", "ein", "inn", "инн", "nip", "voen"}
	case "tax_rate":
		return []string{"tax", "vat", "vatrate", "ндс"}
	case "title":
		return []string{"subject", "leadname", "название", "названиелида"}
	case "type":
		return []string{"companytype", "typ", "тип", "contacttype", "типконтакта", "dealtype"}
	case "unit":
		return []string{"uom", "einheit", "единица"}
	case "utm_campaign":
		return []string{"campaign"}
	case "vat_number":
		return []string{"vat", "vatid", "ustid"}
	}
	return nil
}
