package demo

import "strings"

type item struct{ name, unit, price string }

type shelf struct {
	name     string
	products []item
}

func shelves() []shelf {
	return []shelf{
		{"Workshop", []item{
			{"Bench drill", "piece", "480"}, {"Band saw", "piece", "1250"}, {"Tool cabinet", "piece", "390"}, {"Compressor", "piece", "860"},
		}},
		{"Warehouse", []item{
			{"Pallet truck", "piece", "540"}, {"Shelf rack", "metre", "145"}, {"Label printer", "piece", "320"}, {"Dock leveller", "piece", "4200"},
		}},
		{"Service", []item{
			{"Installation", "hour", "85"}, {"Yearly inspection", "piece", "650"}, {"Operator training", "day", "900"},
		}},
	}
}

func companyWords() (first, second []string) {
	return []string{"Alder", "Birchwood", "Cedar", "Driftwood", "Elmfield", "Foxglove", "Granite", "Heather", "Ironbridge", "Juniper", "Kestrel", "Larkspur", "Meadow"},
		[]string{"Works", "Logistics", "Foods", "Textiles", "Machines", "Trading", "Labs"}
}

func leadCompanies() []string {
	return []string{"", "", "Nightjar Printing", "Orchard Dairy", "Pinewood Furniture", "Quarry Stone", "Riverside Boats"}
}

func industries() []string {
	return []string{"manufacturing", "retail", "food", "logistics", "construction", "services"}
}

func positions() []string {
	return []string{"Buyer", "Head of purchasing", "Managing director", "Plant manager", "Office manager"}
}

func places() [][2]string {
	return [][2]string{{"Leeds", "GB"}, {"Rotterdam", "NL"}, {"Chennai", "IN"}, {"Kraków", "PL"}, {"Lyon", "FR"}, {"Hamburg", "DE"}, {"Porto", "PT"}}
}

func names() (first, last []string) {
	return []string{"Anna", "Arjun", "Beatriz", "Chidi", "Dilara", "Elena", "Farid", "Grace", "Henrik", "Ines", "Jakub", "Kavya", "Liam", "Maya", "Nikhil", "Olga", "Priya", "Rafael", "Sofia", "Tomasz"},
		[]string{"Andersson", "Bianchi", "Costa", "Dubois", "Eriksen", "Fischer", "Gupta", "Horvat", "Iyer", "Jansen", "Kowalska", "Lindqvist", "Moreau", "Nowak", "Okafor", "Petrov", "Rossi", "Silva", "Tanaka", "Weber"}
}

// slug makes an address part of a name of the lists above.
func slug(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "-")) }
