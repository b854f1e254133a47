package report

// Kinds of records that reports are about.
const (
	KindDeal = "deal"
	KindLead = "lead"
)

// Uses returns the kind of records that a report is about and the fields of theirs that its numbers, its groups and its
// order tell, besides those that everybody sees who sees the record.
func Uses(report, groupBy string) (kind string, fields []string) {
	groups := map[string]string{
		"company": "company_id", "type": "type", "probability": "probability", "source": "source",
		"product": "lines", "section": "lines",
	}
	if f, ok := groups[groupBy]; ok {
		fields = append(fields, f)
	}
	if report == leadFunnelName {
		return KindLead, append(fields, "source")
	}
	fields = append(fields, "amount")
	switch report {
	case "funnel":
		fields = append(fields, "stage_enter_time", "lost_reason")
	case "deals-by-company":
		fields = append(fields, "company_id", "close_time")
	case "income-by-product":
		fields = append(fields, "lines", "close_time")
	case "overdue-deals":
		fields = append(fields, "planned_close_date", "company_id")
	case "expected-sales":
		fields = append(fields, "planned_close_date", "probability")
	case "won-deals":
		fields = append(fields, "close_time", "company_id")
	case "deals-by-employee":
		fields = append(fields, "close_time")
	}
	return KindDeal, fields
}
