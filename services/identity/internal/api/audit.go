package api

import (
	"bufio"
	"context"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/exports"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/identity/internal/audit"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/store"
)

type auditLog struct {
	identityv1.UnimplementedAuditServiceServer
	*Core
}

// ListAuditEntries pages through the entries.
func (s *auditLog) ListAuditEntries(ctx context.Context, req *identityv1.ListAuditEntriesRequest) (*identityv1.ListAuditEntriesResponse, error) {
	org := authn.MustFrom(ctx).OrganizationID
	l, err := store.AuditSchema().In(zone(ctx, org)).List(req, org)
	if err != nil {
		return nil, err
	}
	all, next, err := s.Audit.List(ctx, org, authz.ScopeFrom(ctx), l)
	if err != nil {
		return nil, err
	}
	res := &identityv1.ListAuditEntriesResponse{NextPageToken: next}
	for _, e := range all {
		told, err := s.Audit.Values.Tell(e)
		if err != nil {
			return nil, err
		}
		res.AuditEntries = append(res.AuditEntries, auditEntry(e, told.Changes(nil)))
	}
	return res, nil
}

// CountAuditEntries counts entries.
func (s *auditLog) CountAuditEntries(ctx context.Context, req *identityv1.CountAuditEntriesRequest) (*identityv1.CountAuditEntriesResponse, error) {
	org := authn.MustFrom(ctx).OrganizationID
	l, err := store.AuditSchema().In(zone(ctx, org)).List(&identityv1.ListAuditEntriesRequest{Filter: req.GetFilter()}, org)
	if err != nil {
		return nil, err
	}
	n, more, err := s.Audit.Count(ctx, org, authz.ScopeFrom(ctx), l)
	return &identityv1.CountAuditEntriesResponse{Count: int32(n), More: more}, err
}

// GetAuditEntry returns an entry with what it changed.
func (s *auditLog) GetAuditEntry(ctx context.Context, req *identityv1.GetAuditEntryRequest) (*identityv1.GetAuditEntryResponse, error) {
	e, err := s.Audit.Get(ctx, authn.MustFrom(ctx).OrganizationID, authz.ScopeFrom(ctx), req.GetId())
	if err != nil {
		return nil, err
	}
	told, err := s.Audit.Values.Tell(e)
	if err != nil {
		return nil, err
	}
	var before audit.Fields
	if told.Whole {
		if before, err = s.Audit.Before(ctx, e); err != nil {
			return nil, err
		}
	}
	return &identityv1.GetAuditEntryResponse{AuditEntry: auditEntry(e, told.Changes(before))}, nil
}

// verifyMost is how many entries one call checks.
const verifyMost = 100_000

// VerifyAuditLog checks the chain.
func (s *auditLog) VerifyAuditLog(ctx context.Context, req *identityv1.VerifyAuditLogRequest) (*identityv1.VerifyAuditLogResponse, error) {
	if !authz.ScopeFrom(ctx).All() { // where the log is sound tells of entries that the caller does not see
		return nil, authz.NotPermitted("audit", optionsv1.Action_ACTION_VIEW)
	}
	anchors := make([]audit.Anchor, len(req.GetAnchors()))
	for i, a := range req.GetAnchors() {
		anchors[i] = audit.Anchor{Sequence: a.GetSequence(), Hash: a.GetHash()}
	}
	v, err := s.Audit.Verify(ctx, authn.MustFrom(ctx).OrganizationID, req.GetFirstSequence(), verifyMost, anchors)
	if err != nil {
		return nil, err
	}
	res := &identityv1.VerifyAuditLogResponse{Checked: v.Checked, Erased: v.Erased, NextSequence: v.Next}
	if v.Last.Sequence > 0 {
		res.Last = &identityv1.AuditAnchor{Sequence: v.Last.Sequence, Hash: v.Last.Hash}
	}
	if p := v.Problem; p != nil {
		res.Problem = &identityv1.AuditProblem{
			Sequence: p.Sequence, Reason: identityv1.AuditProblemReason(p.Reason), Text: p.Text,
		}
	}
	return res, nil
}

func auditEntry(e *audit.Entry, changes []audit.Change) *identityv1.AuditEntry {
	out := &identityv1.AuditEntry{
		Id: e.EventID, Sequence: e.Sequence, Class: identityv1.AuditClass(e.Class), Service: serviceOf(e.Type), Kind: e.Kind,
		RecordId: e.RecordID, Version: e.Version, Action: e.Action, Type: e.Type, Actor: e.Actor, Address: e.Address,
		RequestId: e.RequestID, TraceId: e.TraceID, Cause: e.Cause, HappenTime: publish.Time(e.HappenedAt),
		RecordTime: publish.Time(e.RecordedAt), Erased: e.Payload == nil, Hash: hex.EncodeToString(e.Hash),
	}
	for _, c := range changes {
		out.Changes = append(out.Changes, &typev1.FieldChange{Field: c.Field, OldValue: c.Before, NewValue: c.After})
	}
	return out
}

// serviceOf is the service that an event is from: the part of its name after "kontor.".
func serviceOf(eventType string) string {
	parts := strings.Split(eventType, ".")
	if len(parts) < 2 {
		return ""
	}
	return parts[1]
}

// auditPages asks for one page of the log after the other.
type auditPages struct {
	*typev1.ExportList

	token string
}

// GetPageSize see aip.Request.
func (auditPages) GetPageSize() int32 { return 500 }

// GetPageToken see aip.Request.
func (p auditPages) GetPageToken() string { return p.token }

// ExportAuditEntries sends entries as a file. The export is an entry itself before its first row is sent.
func (s *auditLog) ExportAuditEntries(req *identityv1.ExportAuditEntriesRequest, to grpc.ServerStreamingServer[identityv1.ExportAuditEntriesResponse]) error {
	ctx, list := to.Context(), req.GetList()
	if list == nil {
		list = &typev1.ExportList{}
	}
	who := authn.MustFrom(ctx)
	org, in := who.OrganizationID, zone(ctx, who.OrganizationID)
	q := auditPages{ExportList: list}
	l, err := store.AuditSchema().In(in).List(q, org)
	if err != nil {
		return err
	}
	buf := bufio.NewWriterSize(auditParts{to}, 64<<10)
	directory := authz.DirectoryFrom(ctx)
	out, name, contentType, err := exports.New(buf, exports.Request{
		Kind: "audit", Like: &identityv1.AuditRow{}, Zone: in, List: list, Time: s.Clock.Now().In(in),
		Names: func(field, id string) string {
			if u, ok := directory.User(org, id); ok && field == "actor" && u.Name != "" {
				return u.Name
			}
			return id
		},
	})
	if err != nil {
		return err
	}
	if err := s.Store.TellExport(ctx, org, who.UserID, "audit", list); err != nil {
		return err
	}
	if err := to.Send(&identityv1.ExportAuditEntriesResponse{Part: &typev1.ExportPart{Name: name, ContentType: contentType}}); err != nil {
		return err
	}
	for {
		// Rights may be taken away while a long log is sent.
		scope := authz.For(ctx, "audit", optionsv1.Action_ACTION_VIEW).And(authz.For(ctx, "audit", optionsv1.Action_ACTION_EXPORT))
		all, next, err := s.Audit.List(ctx, org, scope, l)
		if err != nil {
			return err
		}
		for _, e := range all {
			row, err := s.row(e)
			if err != nil {
				return err
			}
			if err := out.Write(row); err != nil {
				return err
			}
		}
		if next == "" {
			break
		}
		q.token = next
		if l, err = store.AuditSchema().In(in).List(q, org); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	return buf.Flush()
}

func (s *auditLog) row(e *audit.Entry) (*identityv1.AuditRow, error) {
	told, err := s.Audit.Values.Tell(e)
	if err != nil {
		return nil, err
	}
	before, after := told.Before, told.After
	for name, value := range told.Beside {
		after[name] = value
	}
	r := &identityv1.AuditRow{
		Sequence: e.Sequence, HappenTime: publish.Time(e.HappenedAt), RecordTime: publish.Time(e.RecordedAt),
		Class: identityv1.AuditClass(e.Class), Actor: e.Actor, Address: e.Address, Action: e.Action, Kind: e.Kind,
		RecordId: e.RecordID, Version: e.Version, RequestId: e.RequestID, TraceId: e.TraceID, Cause: e.Cause, Type: e.Type,
		Id: e.EventID, Hash: hex.EncodeToString(e.Hash),
	}
	if r.Before, err = object(before); err != nil {
		return nil, err
	}
	r.After, err = object(after)
	return r, err
}

// object is fields as a JSON object; nothing if there are none.
func object(fields audit.Fields) (string, error) {
	if len(fields) == 0 {
		return "", nil
	}
	b, err := protojson.Marshal(&structpb.Struct{Fields: fields})
	return string(b), err
}

// auditParts sends what is written to it.
type auditParts struct {
	to grpc.ServerStreamingServer[identityv1.ExportAuditEntriesResponse]
}

// Write see io.Writer.
func (w auditParts) Write(p []byte) (int, error) {
	if err := w.to.Send(&identityv1.ExportAuditEntriesResponse{Part: &typev1.ExportPart{Data: slices.Clone(p)}}); err != nil {
		return 0, err
	}
	return len(p), nil
}

// zone is where the days of the organisation begin.
func zone(ctx context.Context, org string) *time.Location {
	o, _ := authz.DirectoryFrom(ctx).Organization(org)
	return o.Location()
}
