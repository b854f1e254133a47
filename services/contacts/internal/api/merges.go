package api

import (
	"context"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/authz"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/merge"
	"kontor.internal/services/contacts/internal/record"
)

// Merges makes one record of several.
type Merges struct {
	Contacts  *merge.Records[contact.Contact, *contact.Contact, *contactsv1.Contact]
	Companies *merge.Records[company.Company, *company.Company, *contactsv1.Company]
	Leads     *merge.Records[lead.Lead, *lead.Lead, *contactsv1.Lead]
	Done      MergeLog
}

// MergeLog knows the merges that took place.
type MergeLog interface {
	Merge(ctx context.Context, org, id string) (*merge.Done, error)
	Merges(ctx context.Context, c record.Caller, kind record.Kind, survivorID string) ([]*merge.Done, error)
}

// mergesServer serves MergesService.
type mergesServer struct {
	contactsv1.UnimplementedMergesServiceServer
	*Server
}

// mergeRights are the caller's for merges of a kind. Whoever may not see or not change any records of it is refused.
func (s *Server) mergeRights(ctx context.Context, kind record.Kind) (merge.Rights, error) {
	r := merge.Rights{Update: s.viewer(ctx, kind), Delete: s.viewer(ctx, kind)}
	r.Update.Act = authz.For(ctx, string(kind), optionsv1.Action_ACTION_UPDATE)
	r.Delete.Act = authz.For(ctx, string(kind), optionsv1.Action_ACTION_DELETE)
	if r.Update.View.None() || r.Update.Act.None() || r.Delete.Act.None() {
		return r, authz.ErrNotPermitted
	}
	return r, nil
}

func planOf(p *contactsv1.MergePlan) (*merge.Plan, error) {
	out := &merge.Plan{
		Kind: record.Kind(p.GetKind()), SurvivorID: strings.ToLower(p.GetSurvivorId()), Choices: map[string]string{}, Versions: map[string]int64{},
	}
	for _, id := range p.GetMergedIds() {
		out.MergedIDs = append(out.MergedIDs, strings.ToLower(id))
	}
	for _, c := range p.GetChoices() {
		out.Choices[c.GetField()] = strings.ToLower(c.GetRecordId())
	}
	for id, etag := range p.GetEtags() {
		v, err := aip.Version(etag)
		if err != nil {
			return nil, err
		}
		out.Versions[strings.ToLower(id)] = v
	}
	return out, nil
}

// PreviewMerge see the contract.
func (s *mergesServer) PreviewMerge(
	ctx context.Context, req *contactsv1.PreviewMergeRequest,
) (*contactsv1.PreviewMergeResponse, error) {
	plan, err := planOf(req.GetPlan())
	if err != nil {
		return nil, err
	}
	may, err := s.mergeRights(ctx, plan.Kind)
	if err != nil {
		return nil, err
	}
	switch plan.Kind {
	case record.Contact:
		return previewed(ctx, s.Merges.Contacts, may, plan)
	case record.Company:
		return previewed(ctx, s.Merges.Companies, may, plan)
	default:
		return previewed(ctx, s.Merges.Leads, may, plan)
	}
}

func previewed[T any, P record.Entity[T], M proto.Message](
	ctx context.Context, r *merge.Records[T, P, M], may merge.Rights, plan *merge.Plan,
) (*contactsv1.PreviewMergeResponse, error) {
	p, err := r.Preview(ctx, may, plan)
	if err != nil {
		return nil, err
	}
	res := &contactsv1.PreviewMergeResponse{Record: mergedRecord(r.Message(p.Record)), Etags: map[string]string{}}
	for id, v := range p.Versions {
		res.Etags[id] = aip.Etag(v)
	}
	for _, c := range p.Conflicts {
		m := &contactsv1.MergeConflict{Field: c.Field, ChosenId: c.Chosen}
		for i, v := range c.Values {
			m.Values = append(m.Values, &contactsv1.MergeValue{RecordId: c.IDs[i], Value: jsonValue(c.Of, v)})
		}
		res.Conflicts = append(res.Conflicts, m)
	}
	return res, nil
}

// jsonValue is a field's value for people to compare.
func jsonValue(f protoreflect.FieldDescriptor, v protoreflect.Value) *structpb.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return structpb.NewBoolValue(v.Bool())
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		return structpb.NewNumberValue(float64(v.Int()))
	case protoreflect.MessageKind:
		out := &structpb.Struct{Fields: map[string]*structpb.Value{}}
		v.Message().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			if !f.IsList() && !f.IsMap() {
				out.Fields[f.JSONName()] = jsonValue(f, v)
			}
			return true
		})
		return structpb.NewStructValue(out)
	default:
		return structpb.NewStringValue(v.String())
	}
}

func mergedRecord(m proto.Message) *contactsv1.MergedRecord {
	switch m := m.(type) {
	case *contactsv1.Contact:
		return &contactsv1.MergedRecord{Record: &contactsv1.MergedRecord_Contact{Contact: m}}
	case *contactsv1.Company:
		return &contactsv1.MergedRecord{Record: &contactsv1.MergedRecord_Company{Company: m}}
	case *contactsv1.Lead:
		return &contactsv1.MergedRecord{Record: &contactsv1.MergedRecord_Lead{Lead: m}}
	}
	return nil
}

// MergeRecords see the contract.
func (s *mergesServer) MergeRecords(
	ctx context.Context, req *contactsv1.MergeRecordsRequest,
) (*contactsv1.MergeRecordsResponse, error) {
	plan, err := planOf(req.GetPlan())
	if err != nil {
		return nil, err
	}
	may, err := s.mergeRights(ctx, plan.Kind)
	if err != nil {
		return nil, err
	}
	switch plan.Kind {
	case record.Contact:
		return merged(ctx, s.Merges.Contacts, may, plan)
	case record.Company:
		return merged(ctx, s.Merges.Companies, may, plan)
	default:
		return merged(ctx, s.Merges.Leads, may, plan)
	}
}

func merged[T any, P record.Entity[T], M proto.Message](
	ctx context.Context, r *merge.Records[T, P, M], may merge.Rights, plan *merge.Plan,
) (*contactsv1.MergeRecordsResponse, error) {
	done, rec, err := r.Merge(ctx, may, plan)
	if err != nil {
		return nil, err
	}
	return &contactsv1.MergeRecordsResponse{Merge: mergeOf(done), Record: mergedRecord(r.Message(rec))}, nil
}

func mergeOf(d *merge.Done) *contactsv1.Merge {
	m := &contactsv1.Merge{
		Id: d.ID, Kind: string(d.Kind), SurvivorId: d.SurvivorID, MergedIds: d.MergedIDs, UserId: d.UserID,
		CreateTime: timestamppb.New(d.CreatedAt), UndoUserId: d.UndoneBy,
	}
	if !d.UndoneAt.IsZero() {
		m.UndoTime = timestamppb.New(d.UndoneAt)
	}
	return m
}

// shown is a merge with the operation that it was part of.
func (s *mergesServer) shown(d *merge.Done) *contactsv1.Merge {
	m := mergeOf(d)
	if d.BatchID != "" {
		m.OperationId = s.Operations.ID(d.BatchID)
	}
	return m
}

// GetMerge see the contract.
func (s *mergesServer) GetMerge(ctx context.Context, req *contactsv1.GetMergeRequest) (*contactsv1.GetMergeResponse, error) {
	done, err := s.visibleMerge(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &contactsv1.GetMergeResponse{Merge: s.shown(done)}, nil
}

// visibleMerge returns a merge whose survivor the caller may see.
func (s *mergesServer) visibleMerge(ctx context.Context, id string) (*merge.Done, error) {
	who := s.viewer(ctx, record.Contact)
	done, err := s.Merges.Done.Merge(ctx, who.OrganizationID, strings.ToLower(id))
	if err != nil {
		return nil, err
	}
	who = s.viewer(ctx, done.Kind)
	switch done.Kind {
	case record.Contact:
		_, err = s.Contacts.Get(ctx, who, done.SurvivorID)
	case record.Company:
		_, err = s.Companies.Get(ctx, who, done.SurvivorID)
	default:
		_, err = s.Leads.Get(ctx, who, done.SurvivorID)
	}
	if err != nil {
		return nil, merge.ErrNotFound
	}
	return done, nil
}

// ListMerges see the contract.
func (s *mergesServer) ListMerges(ctx context.Context, req *contactsv1.ListMergesRequest) (*contactsv1.ListMergesResponse, error) {
	kind := record.Kind(req.GetKind())
	done, err := s.Merges.Done.Merges(ctx, s.viewer(ctx, kind), kind, strings.ToLower(req.GetSurvivorId()))
	if err != nil {
		return nil, err
	}
	res := &contactsv1.ListMergesResponse{Merges: make([]*contactsv1.Merge, len(done))}
	for i, d := range done {
		res.Merges[i] = s.shown(d)
	}
	return res, nil
}

// UndoMerge see the contract.
func (s *mergesServer) UndoMerge(ctx context.Context, req *contactsv1.UndoMergeRequest) (*contactsv1.UndoMergeResponse, error) {
	done, err := s.visibleMerge(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	may, err := s.mergeRights(ctx, done.Kind)
	if err != nil {
		return nil, err
	}
	var kept []string
	switch done.Kind {
	case record.Contact:
		kept, err = s.Merges.Contacts.Undo(ctx, may, done.ID, req.GetKeepChanges())
	case record.Company:
		kept, err = s.Merges.Companies.Undo(ctx, may, done.ID, req.GetKeepChanges())
	default:
		kept, err = s.Merges.Leads.Undo(ctx, may, done.ID, req.GetKeepChanges())
	}
	if err != nil {
		return nil, err
	}
	if done, err = s.Merges.Done.Merge(ctx, may.Update.OrganizationID, done.ID); err != nil {
		return nil, err
	}
	return &contactsv1.UndoMergeResponse{Merge: s.shown(done), Kept: kept}, nil
}
