package api

import (
	"context"

	"kontor.internal/libs/authn"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/identity/internal/publish"
)

type invitations struct {
	identityv1.UnimplementedInvitationsServiceServer
	*Core
}

// reach sees to it that the caller may invite the user: whoever has the link becomes the user.
func (s *invitations) reach(ctx context.Context, id string) error {
	if err := reachUser(ctx, id, optionsv1.Action_ACTION_UPDATE); err != nil {
		return err
	}
	_, err := (&users{Core: s.Core}).mayHandle(ctx, id)
	return err
}

// InviteUser sends an invitation.
func (s *invitations) InviteUser(ctx context.Context, req *identityv1.InviteUserRequest) (*identityv1.InviteUserResponse, error) {
	if err := s.reach(ctx, req.GetId()); err != nil {
		return nil, err
	}
	u, where, err := s.Links.Invite(ctx, authn.MustFrom(ctx).OrganizationID, req.GetId())
	if err != nil {
		return nil, err
	}
	return &identityv1.InviteUserResponse{User: s.message(ctx, u), Link: where}, nil
}

// RevokeInvitation takes it back.
func (s *invitations) RevokeInvitation(ctx context.Context, req *identityv1.RevokeInvitationRequest) (*identityv1.RevokeInvitationResponse, error) {
	if err := s.reach(ctx, req.GetId()); err != nil {
		return nil, err
	}
	u, err := s.Invited.Revoke(ctx, authn.MustFrom(ctx).OrganizationID, req.GetId())
	if err != nil {
		return nil, err
	}
	return &identityv1.RevokeInvitationResponse{User: s.message(ctx, u)}, nil
}

type links struct {
	identityv1.UnimplementedLinksServiceServer
	*Core
}

// RequestPasswordReset has a link sent to who has forgotten the password.
func (s *links) RequestPasswordReset(ctx context.Context, req *identityv1.RequestPasswordResetRequest) (*identityv1.RequestPasswordResetResponse, error) {
	if err := s.Links.RequestReset(ctx, req.GetEmail(), s.client(ctx)); err != nil {
		return nil, err
	}
	return &identityv1.RequestPasswordResetResponse{}, nil
}

// LookUpLink says what a link is for.
func (s *links) LookUpLink(ctx context.Context, req *identityv1.LookUpLinkRequest) (*identityv1.LookUpLinkResponse, error) {
	h, err := s.Links.LookUp(ctx, req.GetToken(), s.client(ctx))
	if err != nil {
		return nil, err
	}
	return &identityv1.LookUpLinkResponse{
		Purpose: identityv1.LinkPurpose(h.Link.Purpose), Email: h.Link.Email, UserName: h.User.Name,
		OrganizationName: h.Organization.Name, ExpireTime: publish.Time(h.Link.ExpiresAt),
	}, nil
}

// SetPasswordByLink sets a password.
func (s *links) SetPasswordByLink(ctx context.Context, req *identityv1.SetPasswordByLinkRequest) (*identityv1.SetPasswordByLinkResponse, error) {
	email, err := s.Links.SetPassword(ctx, req.GetToken(), req.GetPassword(), s.client(ctx))
	if err != nil {
		return nil, err
	}
	return &identityv1.SetPasswordByLinkResponse{Email: email}, nil
}

// ChangeEmail has a link sent to the caller's new address.
func (s *links) ChangeEmail(ctx context.Context, req *identityv1.ChangeEmailRequest) (*identityv1.ChangeEmailResponse, error) {
	who := authn.MustFrom(ctx)
	if err := s.Links.ChangeEmail(ctx, who.OrganizationID, who.UserID, req.GetPassword(), req.GetEmail()); err != nil {
		return nil, err
	}
	return &identityv1.ChangeEmailResponse{}, nil
}

// ConfirmEmail changes the address.
func (s *links) ConfirmEmail(ctx context.Context, req *identityv1.ConfirmEmailRequest) (*identityv1.ConfirmEmailResponse, error) {
	email, err := s.Links.ConfirmEmail(ctx, req.GetToken(), s.client(ctx))
	if err != nil {
		return nil, err
	}
	return &identityv1.ConfirmEmailResponse{Email: email}, nil
}
