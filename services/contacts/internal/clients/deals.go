// Package clients asks the services that contacts depends on: deals for the deals of converted leads, files for their
// files, the catalog for products of imported leads, identity for users and for the right to act for one in a job. Errors
// of theirs come back as ours (libs/grpcclient).
package clients

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/money"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	"kontor.internal/services/contacts/internal/lead"
)

// Deals asks the deals service; see [lead.Deals].
type Deals struct {
	client    dealsv1.DealsServiceClient
	pipelines dealsv1.PipelinesServiceClient
}

// NewDeals returns a client of the deals service.
func NewDeals(dial Dial) (*Deals, error) {
	conn, err := dial("deals")
	if err != nil {
		return nil, fmt.Errorf("dial deals: %w", err)
	}
	return &Deals{client: dealsv1.NewDealsServiceClient(conn), pipelines: dealsv1.NewPipelinesServiceClient(conn)}, nil
}

// Visible see [lead.Deals].
func (d *Deals) Visible(ctx context.Context, dealID string) error {
	_, err := d.client.GetDeal(ctx, &dealsv1.GetDealRequest{Id: dealID})
	var e *apperr.Error
	if errors.As(err, &e) && e.Code == codes.NotFound {
		return lead.ErrDealNotFound
	}
	return err
}

// HasPipeline see [lead.Deals].
func (d *Deals) HasPipeline(ctx context.Context, pipelineID string) error {
	res, err := d.pipelines.GetPipeline(ctx, &dealsv1.GetPipelineRequest{Id: pipelineID})
	var e *apperr.Error
	if errors.As(err, &e) && e.Code == codes.NotFound || err == nil && res.GetPipeline().GetDeleteTime() != nil {
		return lead.ErrPipelineNotFound
	}
	return err
}

// Make makes the deal of a converted lead. Called again for the same deal it changes nothing. It returns refused if
// trying again cannot help, and err if it can.
func (d *Deals) Make(ctx context.Context, l *lead.Lead, draft lead.DealDraft) (refused, err error) {
	_, err = d.client.CreateDeal(ctx, &dealsv1.CreateDealRequest{
		Deal: deal(l, draft), DealId: draft.ID, RequestId: "lead/" + l.ID + "/" + draft.ID,
	})
	if err != nil && lasting(err) {
		return err, nil
	}
	return nil, err
}

// lasting reports whether the deals service has looked at the request and does not like it.
func lasting(err error) bool {
	var e *apperr.Error
	if !errors.As(err, &e) {
		return false
	}
	return slices.Contains([]codes.Code{
		codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.PermissionDenied, codes.FailedPrecondition, codes.OutOfRange,
	}, e.Code)
}

// Limits of a deal's fields, below those of a lead's.
const (
	maxName    = 255
	maxComment = 10000
)

// deal carries over what a lead and a deal have in common. Lines are in the deal's currency; a price in another is left
// to the catalogue's.
func deal(l *lead.Lead, draft lead.DealDraft) *dealsv1.Deal {
	out := &dealsv1.Deal{
		Name: clip(draft.Name, maxName), PipelineId: draft.PipelineID, LeadId: l.ID, Source: l.Source,
		ResponsibleId: l.ResponsibleID, ObserverIds: l.ObserverIDs, AvailableToEveryone: l.Everyone,
		Amount: money.ToProto(l.Amount), Comment: clip(comment(l), maxComment),
	}
	if c := l.Conversion; c != nil {
		out.ContactId, out.CompanyId = c.ContactID, c.CompanyID
	}
	for _, p := range l.Products {
		if out.GetAmount() == nil && p.Price.Currency != "" { // no amount: the lines say what it is worth
			out.Amount = money.ToProto(money.Zero(p.Price.Currency))
			out.AmountSource = dealsv1.AmountSource_AMOUNT_SOURCE_LINES
		}
		line := &dealsv1.DealLine{ProductId: p.ProductID, Name: p.Name, Quantity: p.Quantity}
		if p.Price.Currency != "" && p.Price.Currency == out.GetAmount().GetCurrencyCode() {
			line.Price = p.Price.Amount.String()
		}
		out.Lines = append(out.Lines, line)
	}
	return out
}

// comment is what was asked and what the staff remarked.
func comment(l *lead.Lead) string {
	switch {
	case l.Request == "":
		return l.Comment
	case l.Comment == "":
		return l.Request
	}
	return l.Request + "\n\n" + l.Comment
}

// clip cuts s to n characters.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
