package api

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/authz"
	"kontor.internal/libs/exports"
	"kontor.internal/libs/fieldrules"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
	"kontor.internal/services/deals/internal/publish"
)

// ExportServer serves ExportService.
type ExportServer struct {
	dealsv1.UnimplementedExportServiceServer
	*Server
}

// ExportDeals see the contract.
func (s *ExportServer) ExportDeals(req *dealsv1.ExportDealsRequest, to grpc.ServerStreamingServer[dealsv1.ExportDealsResponse]) error {
	ctx, list := to.Context(), req.GetList()
	if list.GetFormat() == typev1.ExportFormat_EXPORT_FORMAT_VCARD {
		return exports.ErrFormat
	}
	q := s.query(ctx, list.GetShowDeleted())
	custom, err := s.Deals.Custom(ctx, q.Caller.OrganizationID)
	if err != nil {
		return err
	}
	names := &dealNames{server: s, org: q.Caller.OrganizationID, pipelines: map[string]*pipeline.Pipeline{}}
	return exports.Send(exports.Request{
		Kind: publish.KindDeal, Like: &dealsv1.Deal{}, Custom: custom.Fields.ExportColumns(names.user), Names: names.of, Zone: q.Zone, List: list, Fields: fieldrules.From(ctx),
		Time: s.Clock.Now().In(q.Zone),
	}, exports.Source{
		Read: func(p exports.Pages) ([]proto.Message, string, error) {
			// Rights may be taken away while a long list is sent.
			q.Caller.View = authz.For(ctx, publish.KindDeal, optionsv1.Action_ACTION_VIEW)
			q.Caller.Act = authz.For(ctx, publish.KindDeal, optionsv1.Action_ACTION_EXPORT)
			deals, next, err := s.Store.List(ctx, q, p)
			if err != nil {
				return nil, "", err
			}
			if err := s.Deals.Shown(ctx, q.Caller.OrganizationID, deals); err != nil {
				return nil, "", err
			}
			taken := deals[:0]
			for _, d := range deals {
				if q.Caller.Act.Allows(d.ResponsibleID) {
					taken = append(taken, d)
				}
			}
			if err := names.learn(ctx, taken); err != nil {
				return nil, "", err
			}
			out := make([]proto.Message, len(taken))
			for i, d := range taken {
				m := publish.Deal(d)
				nameProducts(m, names.known)
				out[i] = m
			}
			return out, next, nil
		},
		Begin: func() error { return s.Store.TellExport(ctx, q.Caller, list) },
	}, func(p *typev1.ExportPart) error { return to.Send(&dealsv1.ExportDealsResponse{Part: p}) })
}

// dealNames is what people call what deals lead to.
type dealNames struct {
	server *ExportServer
	org    string
	// known are the companies, contacts and products of the page at hand.
	known     map[string]string
	pipelines map[string]*pipeline.Pipeline
}

// learn reads the names that a page of deals needs.
func (n *dealNames) learn(ctx context.Context, deals []*deal.Deal) error {
	var ids []string
	for _, d := range deals {
		ids = referred(ids, d)
		if n.pipelines[d.PipelineID] != nil {
			continue
		}
		p, err := n.server.Pipelines.GetAny(ctx, n.org, d.PipelineID)
		if err != nil {
			return err
		}
		n.pipelines[d.PipelineID] = p
	}
	var err error
	n.known, err = n.server.Store.Names(ctx, n.org, ids)
	return err
}

func (n *dealNames) user(id string) string { return n.server.userName(n.org, id) }

// of see [exports.Names].
func (n *dealNames) of(field, id string) string {
	name := ""
	switch field {
	case "responsible_id", "creator_id", "observer_ids":
		name = n.user(id)
	case "company_id", "contact_id", "id": // "id" within the reference of a party
		name = n.known[id]
	case "pipeline_id":
		if p := n.pipelines[id]; p != nil {
			name = p.Name
		}
	case "stage_id":
		for _, p := range n.pipelines {
			if s, err := p.Stage(id); err == nil {
				name = s.Name
			}
		}
	case "lost_reason_id":
		for _, p := range n.pipelines {
			if r, ok := p.LostReason(id); ok {
				name = r.Name
			}
		}
	}
	if name == "" {
		return id
	}
	return name
}
