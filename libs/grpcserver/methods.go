package grpcserver

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

// method is what is known of a method before it is called, so that a call needs no reflection.
type method struct {
	name   string // full: "/kontor.deals.v1.DealsService/GetDeal"
	access optionsv1.Access
	kind   string
	action optionsv1.Action
	// repeatable methods have a request_id, by which a repetition is recognised.
	repeatable bool
	// infrastructure is health and reflection: no caller, no log, no metrics.
	infrastructure bool

	observe observer
}

type table struct {
	byName map[string]*method
	err    error
}

// methods returns the table of the registered methods, made at its first use: services cannot be registered any more
// by then.
func (s *Server) methods() (map[string]*method, error) {
	if t := s.table.Load(); t != nil {
		return t.byName, t.err
	}
	t := &table{byName: make(map[string]*method)}
	var problems []error
	services := s.GetServiceInfo()
	names := make([]string, 0, len(services))
	for name := range services {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, service := range names {
		for _, info := range services[service].Methods {
			m, err := describe(service, info.Name)
			if err != nil {
				problems = append(problems, err)
				continue
			}
			m.observe = s.metrics.method(service, info.Name)
			t.byName[m.name] = m
		}
	}
	t.err = errors.Join(problems...)
	s.table.Store(t)
	return t.byName, t.err
}

func describe(service, name string) (*method, error) {
	m := &method{name: "/" + service + "/" + name}
	if strings.HasPrefix(service, "grpc.health.") || strings.HasPrefix(service, "grpc.reflection.") {
		m.infrastructure = true
		return m, nil
	}
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return nil, fmt.Errorf("%s: no descriptor: %w", m.name, err)
	}
	sd, ok := d.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s: not a service", m.name)
	}
	md := sd.Methods().ByName(protoreflect.Name(name))
	if md == nil {
		return nil, fmt.Errorf("%s: not in the descriptor", m.name)
	}
	p, _ := proto.GetExtension(md.Options(), optionsv1.E_Permission).(*optionsv1.Permission)
	m.access, m.kind, m.action = p.GetAccess(), p.GetKind(), p.GetAction()
	if m.access == optionsv1.Access_ACCESS_UNSPECIFIED &&
		(m.kind == "" || m.action == optionsv1.Action_ACTION_UNSPECIFIED) {
		return nil, fmt.Errorf("%s: no (kontor.options.v1.permission) with an access, or a kind and an action", m.name)
	}
	f := md.Input().Fields().ByName("request_id")
	m.repeatable = f != nil && f.Kind() == protoreflect.StringKind && !f.IsList()
	return m, nil
}

// lookup returns the method that is being called; nil if the server should not have started with it.
func (s *Server) lookup(fullName string) *method {
	if t := s.table.Load(); t != nil {
		return t.byName[fullName]
	}
	byName, _ := s.methods()
	return byName[fullName]
}

// numCodes is how many status codes there are.
const numCodes = int(codes.Unauthenticated) + 1
