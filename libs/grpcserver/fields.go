package grpcserver

import (
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/fieldrules"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

// rules are those of the caller for the fields of records, as they are now. Services, and whoever has not signed in, have
// none.
func (s *Server) rules(c *call) fieldrules.Rules {
	switch c.method.access {
	case optionsv1.Access_ACCESS_PUBLIC, optionsv1.Access_ACCESS_SERVICE:
		return fieldrules.Rules{}
	case optionsv1.Access_ACCESS_SIGNED_IN, optionsv1.Access_ACCESS_UNSPECIFIED:
	}
	p, ok := authn.From(c.ctx)
	if !ok {
		return fieldrules.Rules{}
	}
	return fieldrules.For(s.opts.Directory, p.OrganizationID, p.UserID)
}

// checkFields refuses a request that uses or changes what the caller's roles withhold (ID-4).
func (*Server) checkFields(c *call, rules fieldrules.Rules, req any) error {
	m, ok := req.(proto.Message)
	if !ok || rules.Empty() {
		return nil
	}
	return rules.Check(m, c.method.kind, c.method.action)
}

// clearFields takes from an answer what the caller's roles hide, wherever it stands (ID-4, ID-6).
func clearFields(c *call, rules fieldrules.Rules, req, resp any) {
	m, ok := resp.(proto.Message)
	if !ok || rules.Empty() {
		return
	}
	asked, _ := req.(proto.Message)
	rules.Clear(m, fieldrules.KindOf(asked, c.method.kind))
}
