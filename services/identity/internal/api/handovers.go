package api

import (
	"context"
	"slices"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/identity/internal/handover"
	"kontor.internal/services/identity/internal/publish"
	"kontor.internal/services/identity/internal/store"
	"kontor.internal/services/identity/internal/user"
)

// handOver deactivates a user by leave and starts to hand over the user's records.
func (s *users) handOver(ctx context.Context, req *identityv1.DeactivateUserRequest, leave func(*user.User) user.Event) (
	*identityv1.DeactivateUserResponse, error,
) {
	who := authn.MustFrom(ctx)
	version, change, err := s.activation(ctx, req.GetId(), req.GetEtag(), leave)
	if err != nil {
		return nil, err
	}
	u, h, err := s.Handovers.Begin(ctx, who.OrganizationID, who.UserID, req.GetId(), req.GetSuccessorId(), version, change)
	if _, ok := s.Store.Replayed(ctx, who.OrganizationID, err); ok {
		return s.handedOver(ctx, req.GetId())
	}
	if err != nil {
		return nil, err
	}
	return &identityv1.DeactivateUserResponse{User: s.message(ctx, u), Handover: publish.Handover(h)}, nil
}

// handedOver is the answer to a repeated request: the user and the last handover as they are now.
func (s *users) handedOver(ctx context.Context, userID string) (*identityv1.DeactivateUserResponse, error) {
	org := authn.MustFrom(ctx).OrganizationID
	u, err := s.Store.GetUser(ctx, org, userID)
	if err != nil {
		return nil, err
	}
	l, err := store.HandoverSchema().List(filterOnly{`user_id = "` + userID + `"`})
	if err != nil {
		return nil, err
	}
	all, _, err := s.Handovers.ListHandovers(ctx, org, l, authz.ScopeFrom(ctx))
	if err != nil {
		return nil, err
	}
	res := &identityv1.DeactivateUserResponse{User: s.message(ctx, u)}
	if len(all) > 0 {
		res.Handover = publish.Handover(all[0])
	}
	return res, nil
}

// handover returns a handover of a user whom the caller may deactivate.
func (s *users) handover(ctx context.Context, id string) (*handover.Handover, error) {
	h, err := s.Handovers.GetHandover(ctx, authn.MustFrom(ctx).OrganizationID, id)
	if err != nil {
		return nil, err
	}
	if !authz.ScopeFrom(ctx).Allows(h.UserID) {
		return nil, handover.ErrNotFound
	}
	return h, nil
}

// GetHandover returns a handover.
func (s *users) GetHandover(ctx context.Context, req *identityv1.GetHandoverRequest) (*identityv1.GetHandoverResponse, error) {
	h, err := s.handover(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &identityv1.GetHandoverResponse{Handover: publish.Handover(h)}, nil
}

// ListHandovers pages through handovers.
func (s *users) ListHandovers(ctx context.Context, req *identityv1.ListHandoversRequest) (*identityv1.ListHandoversResponse, error) {
	org := authn.MustFrom(ctx).OrganizationID
	l, err := store.HandoverSchema().List(req, org)
	if err != nil {
		return nil, err
	}
	all, next, err := s.Handovers.ListHandovers(ctx, org, l, authz.ScopeFrom(ctx))
	if err != nil {
		return nil, err
	}
	res := &identityv1.ListHandoversResponse{NextPageToken: next}
	for _, h := range all {
		res.Handovers = append(res.Handovers, publish.Handover(h))
	}
	return res, nil
}

// CountHandovers counts handovers.
func (s *users) CountHandovers(ctx context.Context, req *identityv1.CountHandoversRequest) (*identityv1.CountHandoversResponse, error) {
	l, err := store.HandoverSchema().List(filterOnly{req.GetFilter()})
	if err != nil {
		return nil, err
	}
	n, more, err := s.Handovers.CountHandovers(ctx, authn.MustFrom(ctx).OrganizationID, l, authz.ScopeFrom(ctx))
	if err != nil {
		return nil, err
	}
	return &identityv1.CountHandoversResponse{Count: int32(n), More: more}, nil
}

// CountHandoverRecords counts the records of a handover.
func (s *users) CountHandoverRecords(ctx context.Context, req *identityv1.CountHandoverRecordsRequest) (*identityv1.CountHandoverRecordsResponse, error) {
	if _, err := s.handover(ctx, req.GetId()); err != nil {
		return nil, err
	}
	l, err := store.HandoverRecordSchema().List(filterOnly{req.GetFilter()})
	if err != nil {
		return nil, err
	}
	n, more, err := s.Handovers.CountHandoverRecords(ctx, authn.MustFrom(ctx).OrganizationID, req.GetId(), l)
	if err != nil {
		return nil, err
	}
	return &identityv1.CountHandoverRecordsResponse{Count: int32(n), More: more}, nil
}

// ListHandoverRecords pages through the records of a handover.
func (s *users) ListHandoverRecords(ctx context.Context, req *identityv1.ListHandoverRecordsRequest) (*identityv1.ListHandoverRecordsResponse, error) {
	org := authn.MustFrom(ctx).OrganizationID
	if _, err := s.handover(ctx, req.GetId()); err != nil {
		return nil, err
	}
	l, err := store.HandoverRecordSchema().List(req, org, req.GetId())
	if err != nil {
		return nil, err
	}
	all, next, err := s.Handovers.ListHandoverRecords(ctx, org, req.GetId(), l)
	if err != nil {
		return nil, err
	}
	res := &identityv1.ListHandoverRecordsResponse{NextPageToken: next}
	for _, r := range all {
		res.Records = append(res.Records, publish.HandoverRecord(r))
	}
	return res, nil
}

// RevertHandover takes a handover back.
func (s *users) RevertHandover(ctx context.Context, req *identityv1.RevertHandoverRequest) (*identityv1.RevertHandoverResponse, error) {
	who := authn.MustFrom(ctx)
	h, err := s.handover(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	if _, err := s.mayHandle(ctx, h.UserID); err != nil {
		return nil, err
	}
	out, err := s.Handovers.Revert(ctx, who.OrganizationID, req.GetId(), who.UserID)
	if m, ok := s.Store.Replayed(ctx, who.OrganizationID, err); ok {
		if p, ok := m.(*identityv1.Handover); ok {
			return &identityv1.RevertHandoverResponse{Handover: p}, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return &identityv1.RevertHandoverResponse{Handover: publish.Handover(out)}, nil
}

// errExplainKind says that single records of a kind cannot be looked into.
var errExplainKind = apperr.Invalid("EXPLAIN_KIND", "single records can be explained of leads, contacts, companies and deals; leave the record out for others")

// ExplainAccess says why a user may or may not do something.
func (s *users) ExplainAccess(ctx context.Context, req *identityv1.ExplainAccessRequest) (*identityv1.ExplainAccessResponse, error) {
	org := authn.MustFrom(ctx).OrganizationID
	if !authz.For(ctx, "user", optionsv1.Action_ACTION_VIEW).Allows(req.GetId()) {
		return nil, user.ErrNotFound
	}
	e, err := authz.DirectoryFrom(ctx).Explain(org, req.GetId(), req.GetKind(), req.GetAction())
	if err != nil {
		return nil, user.ErrNotFound
	}
	res := &identityv1.ExplainAccessResponse{Scope: e.Widest, DepartmentIds: e.Departments}
	for _, g := range e.Granted {
		res.Grants = append(res.Grants, &identityv1.GrantExplanation{
			RoleId: g.RoleID, RoleName: g.RoleName, Kind: g.Grant.Kind, Action: g.Grant.Action, Scope: g.Grant.Scope,
		})
	}
	var record *handover.Found
	if req.GetRecordId() != "" {
		if record, err = s.record(ctx, req.GetKind(), req.GetRecordId()); err != nil {
			return nil, err
		}
		res.ResponsibleId = record.ResponsibleID
	}
	res.Allowed, res.Reason = decide(req, e, record)
	return res, nil
}

// record reads a record as the caller sees it.
func (s *users) record(ctx context.Context, kind, id string) (*handover.Found, error) {
	for _, b := range s.Books {
		if b.Kind() == kind {
			f, err := b.Get(ctx, id)
			return &f, err
		}
	}
	return nil, errExplainKind
}

// decide tells what decides, in the order in which the services do.
func decide(req *identityv1.ExplainAccessRequest, e authz.Explanation, record *handover.Found) (bool, identityv1.AccessReason) {
	switch {
	case e.Inactive:
		return false, identityv1.AccessReason_ACCESS_REASON_USER_INACTIVE
	case e.Widest == accessv1.Scope_SCOPE_UNSPECIFIED:
		return false, identityv1.AccessReason_ACCESS_REASON_NO_GRANT
	case record == nil && e.Scope.All():
		return true, identityv1.AccessReason_ACCESS_REASON_SCOPE
	case record == nil:
		return true, identityv1.AccessReason_ACCESS_REASON_SOME_RECORDS
	case e.Scope.Allows(record.ResponsibleID):
		return true, identityv1.AccessReason_ACCESS_REASON_SCOPE
	case req.GetAction() != optionsv1.Action_ACTION_VIEW:
		return false, identityv1.AccessReason_ACCESS_REASON_OUT_OF_SCOPE
	case slices.Contains(record.ObserverIDs, req.GetId()):
		return true, identityv1.AccessReason_ACCESS_REASON_OBSERVER
	case record.AvailableToEveryone:
		return true, identityv1.AccessReason_ACCESS_REASON_AVAILABLE_TO_EVERYONE
	}
	return false, identityv1.AccessReason_ACCESS_REASON_OUT_OF_SCOPE
}
