package grpcserver

import (
	"context"
	"net/netip"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

// admit makes out who is calling and whether the caller may, and puts both into the call's context.
func (s *Server) admit(c *call) error {
	if address := s.address(c.ctx); address != "" {
		c.ctx = authn.WithAddress(c.ctx, address)
	}
	switch c.method.access {
	case optionsv1.Access_ACCESS_PUBLIC:
		// Whoever it is; a token, good or bad, makes no difference.
		c.ctx = authz.With(c.ctx, s.opts.Directory, authz.None())
		return nil
	case optionsv1.Access_ACCESS_SERVICE:
		return s.admitService(c)
	case optionsv1.Access_ACCESS_SIGNED_IN, optionsv1.Access_ACCESS_UNSPECIFIED:
	}
	p, err := s.authenticate(c)
	if err != nil {
		return err
	}
	if c.method.access == optionsv1.Access_ACCESS_SIGNED_IN {
		if _, err := s.opts.Directory.Admit(c.ctx, p); err != nil {
			return err
		}
		c.ctx = authz.With(c.ctx, s.opts.Directory, authz.Of(p.UserID))
		return nil
	}
	scope, err := s.opts.Directory.Authorize(c.ctx, p, c.method.kind, c.method.action)
	if err != nil {
		return err
	}
	c.ctx = authz.With(c.ctx, s.opts.Directory, scope)
	return nil
}

// address is where the client of a call is: a service of the suite says so, or the peer is the client. Anybody else could
// name any address.
func (s *Server) address(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	if address, told := s.opts.ServiceSecret.Address(md); told {
		return address
	}
	p, ok := peer.FromContext(ctx)
	if !ok || p.Addr == nil {
		return ""
	}
	if at, err := netip.ParseAddrPort(p.Addr.String()); err == nil {
		return at.Addr().Unmap().String()
	}
	return "" // within the process
}

// authenticate checks the caller's token.
func (s *Server) authenticate(c *call) (authn.Principal, error) {
	token := ""
	if v := metadata.ValueFromIncomingContext(c.ctx, authn.MetadataAuthorization); len(v) > 0 {
		token = authn.Bearer(v[0])
	}
	p, err := s.opts.Verifier.Verify(c.ctx, token)
	if err != nil {
		return authn.Principal{}, err
	}
	c.ctx = authn.WithToken(c.ctx, p, token)
	return p, nil
}

// admitService lets in services that know the shared secret. A user's token beside it says on whose behalf.
func (s *Server) admitService(c *call) error {
	md, _ := metadata.FromIncomingContext(c.ctx)
	service, err := s.opts.ServiceSecret.Check(md)
	if err != nil {
		return err
	}
	p, token := authn.Principal{}, authn.BearerToken(md)
	if token != "" {
		if p, err = s.opts.Verifier.Verify(c.ctx, token); err != nil {
			return err
		}
		if s.opts.Directory.Ended(p) {
			return authz.ErrSessionEnded
		}
	}
	p.Service = service
	c.ctx = authz.With(authn.WithToken(c.ctx, p, token), s.opts.Directory, authz.All())
	return nil
}

// watch ends a stream when its caller is deactivated, removed, or loses the permission it was opened with. It returns
// the context of the stream and a function that releases it.
func (s *Server) watch(c *call) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(c.ctx)
	p, ok := authn.From(c.ctx)
	if !ok || p.UserID == "" || c.method.access == optionsv1.Access_ACCESS_SERVICE {
		return ctx, func() { cancel(nil) }
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			changed := s.opts.Directory.Changed()
			if err := s.stillAllowed(ctx, c.method, p); err != nil {
				cancel(err)
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-done
	}
}

func (s *Server) stillAllowed(ctx context.Context, m *method, p authn.Principal) error {
	if m.access == optionsv1.Access_ACCESS_SIGNED_IN {
		_, err := s.opts.Directory.Admit(ctx, p)
		return err
	}
	_, err := s.opts.Directory.Authorize(ctx, p, m.kind, m.action)
	return err
}
