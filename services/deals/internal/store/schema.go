package store

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/id"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
)

// Query is who asks for deals and when it is: what decides, beside filter and order, which rows there are.
type Query struct {
	Caller deal.Caller
	// Zone is where the organisation's days begin, Today midnight UTC of the day it is there.
	Zone  *time.Location
	Today time.Time
	// BaseCurrency is that of the organisation.
	BaseCurrency string
	// Deleted asks for what is in the bin instead.
	Deleted bool
}

// dealSchema is what can be asked of deals. A field that callers shall filter or sort by is added here.
func (q *Query) dealSchema() *aip.Schema {
	states := map[string]any{
		pipeline.Open.String(): int64(pipeline.Open),
		pipeline.Won.String():  int64(pipeline.Won),
		pipeline.Lost.String(): int64(pipeline.Lost),
	}
	return &aip.Schema{
		IDColumn: "d.id", DefaultOrder: "create_time desc", Location: q.Zone,
		Fields: map[string]aip.Field{
			"id":                 {Column: "d.id", Type: aip.ID},
			"name":               {Column: "d.name", Type: aip.Text, Sortable: true},
			"pipeline_id":        {Column: "d.pipeline_id", Type: aip.ID},
			"stage_id":           {Column: "d.stage_id", Type: aip.ID},
			"state":              {Column: "d.state", Type: aip.Enum, Enum: states},
			"responsible_id":     {Column: "d.responsible_id", Type: aip.ID},
			"creator_id":         {Column: "d.creator_id", Type: aip.ID, Nullable: true},
			"company_id":         {Column: "d.company_id", Type: aip.ID, Nullable: true},
			"contact_id":         {Column: "d.contact_id", Type: aip.ID, Nullable: true},
			"lead_id":            {Column: "d.lead_id", Type: aip.ID, Nullable: true},
			"amount":             {Column: "d.amount", Type: aip.Decimal, Sortable: true},
			"currency":           {Column: "d.currency", Type: aip.Text},
			"base_amount":        {Column: "d.base_amount", Type: aip.Decimal, Sortable: true, Nullable: true},
			"type":               {Column: "d.type", Type: aip.Text},
			"source":             {Column: "d.source", Type: aip.Text},
			"probability":        {Column: "d.probability", Type: aip.Int, Sortable: true},
			"planned_close_date": {Column: "d.planned_close_date", Type: aip.Date, Sortable: true, Nullable: true},
			"begin_time":         {Column: "d.begun_at", Type: aip.Time, Sortable: true, Nullable: true},
			"stage_enter_time":   {Column: "d.stage_entered_at", Type: aip.Time, Sortable: true, Nullable: true},
			"close_time":         {Column: "d.closed_at", Type: aip.Time, Sortable: true, Nullable: true},
			"create_time":        {Column: "d.created_at", Type: aip.Time, Sortable: true},
			"update_time":        {Column: "d.updated_at", Type: aip.Time, Sortable: true},
			"lost_reason_id":     {Column: "d.lost_reason_id", Type: aip.ID, Nullable: true},
			"lost_reason":        {Column: "d.lost_reason", Type: aip.Text},
			"observer_id":        {Custom: has("d.observer_ids")},
			"product_id":         {Custom: product},
			"visited_stage_id":   {Custom: visitedStage},
			"lost_stage_id":      {Custom: lostStage},
			"overdue":            {Custom: q.overdue},
			"external_id":        {Custom: externalID},
			"external_ids.*":     {Custom: externalID},
		},
		Search: func(word string, bind func(any) string) string {
			return "d.name ILIKE " + bind(containing(word)) + "::text"
		},
	}
}

// containing is the pattern of ILIKE for text that holds another.
func containing(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
}

// has asks whether an array of IDs holds one.
func has(column string) func(aip.Comparison, func(any) string) (string, error) {
	return func(c aip.Comparison, bind func(any) string) (string, error) {
		v := strings.ToLower(c.Value)
		if !id.Valid(v) {
			return "", fmt.Errorf("%.80q is not an ID", c.Value)
		}
		switch c.Op {
		case "=", ":":
			return column + " @> ARRAY[" + bind(v) + "::uuid]", nil
		case "!=":
			return "NOT " + column + " @> ARRAY[" + bind(v) + "::uuid]", nil
		}
		return "", fmt.Errorf("operator %s does not apply; use = or !=", c.Op)
	}
}

// product asks for deals with a line of a product; product_id = "" for those with a line of no product, or without lines.
func product(c aip.Comparison, bind func(any) string) (string, error) {
	if c.Value == "" && c.Op == "=" {
		return `(d.lines = '[]' OR jsonb_path_exists(d.lines, '$[*] ? (!exists(@.product_id))'))`, nil
	}
	return has("d.product_ids")(c, bind)
}

// visitedStage asks for deals that are, or have been, in a stage.
func visitedStage(c aip.Comparison, bind func(any) string) (string, error) {
	v, err := stageID(c)
	if err != nil {
		return "", err
	}
	return `EXISTS (SELECT FROM deal_stage_changes s WHERE s.organization_id = d.organization_id AND s.deal_id = d.id
		AND ` + bind(v) + `::uuid IN (s.stage_id, s.from_stage_id))`, nil
}

// lostStage asks for lost deals by the stage they were lost from.
func lostStage(c aip.Comparison, bind func(any) string) (string, error) {
	v, err := stageID(c)
	if err != nil {
		return "", err
	}
	return `(d.state = ` + strconv.Itoa(int(pipeline.Lost)) + ` AND ` + bind(v) + `::uuid = (
		SELECT s.from_stage_id FROM deal_stage_changes s
		WHERE s.organization_id = d.organization_id AND s.deal_id = d.id ORDER BY s.version DESC LIMIT 1))`, nil
}

func stageID(c aip.Comparison) (string, error) {
	v := strings.ToLower(c.Value)
	switch {
	case c.Op != "=" && c.Op != ":":
		return "", fmt.Errorf("operator %s does not apply; use =", c.Op)
	case !id.Valid(v):
		return "", fmt.Errorf("%.80q is not an ID", c.Value)
	}
	return v, nil
}

// overdue are open deals whose planned day has passed.
func (q *Query) overdue(c aip.Comparison, bind func(any) string) (string, error) {
	late := "d.state = 1 AND coalesce(d.planned_close_date < " + bind(q.Today) + "::date, false)"
	switch {
	case c.Op != "=" && c.Op != ":" && c.Op != "!=", c.Value != "true" && c.Value != "false":
		return "", errors.New("write overdue = true or overdue = false")
	case (c.Value == "true") == (c.Op != "!="):
		return late, nil
	}
	return "NOT (" + late + ")", nil
}

// externalID asks for the deal with an ID in any other system (external_id) or in one (external_ids.source).
func externalID(c aip.Comparison, bind func(any) string) (string, error) {
	if c.Op != "=" && c.Op != ":" {
		return "", fmt.Errorf("operator %s does not apply; use =", c.Op)
	}
	sql := "d.id IN (SELECT x.deal_id FROM deal_external_ids x WHERE x.organization_id = d.organization_id"
	if c.Op != ":" || c.Value != "*" { // ":*" asks for all of the source
		sql += " AND x.external_id = " + bind(c.Value)
	}
	if c.Key != "" {
		sql += " AND x.source = " + bind(c.Key)
	}
	return sql + ")", nil
}

// visible is the predicate of what the caller sees: the scope, and on top of it what the caller observes and what is
// available to everyone.
func visible(c deal.Caller, args *[]any) string {
	if c.View.All() {
		return "TRUE"
	}
	if c.View.None() {
		return "FALSE"
	}
	return "(" + c.View.SQL("d.responsible_id", args) + " OR " + beyondScope(c, args) + ")"
}

// beyondScope is the predicate of what the caller sees whoever is responsible.
func beyondScope(c deal.Caller, args *[]any) string {
	*args = append(*args, c.UserID)
	return fmt.Sprintf("d.available_to_everyone OR d.observer_ids @> ARRAY[$%d::uuid]", len(*args))
}

// from is the FROM and WHERE of a query, without filter: the organisation's rows that the caller sees.
func (q *Query) from(args *[]any) string {
	bin := "d.deleted_at IS NULL"
	if q.Deleted {
		bin = "d.deleted_at IS NOT NULL"
	}
	*args = append(*args, q.Caller.OrganizationID)
	return fmt.Sprintf("FROM deals d WHERE d.organization_id = $%d AND %s AND %s", len(*args), bin, visible(q.Caller, args))
}

// bound ties page tokens to the caller and the bin.
func (q *Query) bound(more ...string) []string {
	return append([]string{"deals", q.Caller.OrganizationID, q.Caller.UserID, strconv.FormatBool(q.Deleted)}, more...)
}
