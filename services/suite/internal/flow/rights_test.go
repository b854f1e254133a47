package flow_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/structpb"

	"kontor.internal/libs/testkit"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

// verbs that change something; what they may and may not is tried by other tests, but for what is withheld.
var writes = []string{
	"Create", "Update", "Delete", "Undelete", "Purge", "Set", "Move", "Win", "Lose", "Reopen", "Convert", "Import", "Bulk", "Merge",
	"Undo", "Dismiss", "Scan", "Start", "Cancel", "Retire", "Restore", "Reorder", "Upload", "Copy", "Invite", "Revoke", "Revert",
	"Activate", "Deactivate", "Change", "Confirm", "Begin", "Remove", "Reset", "Request", "Refresh", "Sign", "Issue", "Exchange", "End",
	"Test", "Complete", "Check", "Screen", "Rebuild", "Convert", "Connect", "Disconnect", "HandOver",
}

// readVerbs tell of records.
var readVerbs = []string{
	"Get", "BatchGet", "List", "Count", "Lookup", "LookUp", "Search", "Preview", "Run", "Find", "Export", "Explain", "Watch", "Download", "Verify",
}

func begins(m method, verbs []string) bool {
	return slices.ContainsFunc(verbs, func(v string) bool { return strings.HasPrefix(string(m.Name()), v) })
}

// ID-4, ID-6: whatever roles there are, whatever is asked for, by whatever call the suite serves: no record and no field
// that is withheld shows, nor is it in a count or a sum. The calls are found from their descriptors; KONTOR_SEED repeats a run.
func TestWhatIsWithheldShowsNowhere(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("KONTOR_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("KONTOR_SEED=%d", seed)
	in := running(t)
	conn := in.plain(t)
	methods := served(t, conn)
	w := build(t, in, conn, methods, rand.New(rand.NewPCG(seed, 1)))
	w.settle(t)
	for _, m := range methods {
		if m.IsStreamingClient() || m.access == optionsv1.Access_ACCESS_SERVICE || m.access == optionsv1.Access_ACCESS_PUBLIC {
			continue
		}
		t.Run(string(m.Parent().Name())+"."+string(m.Name()), func(t *testing.T) {
			if !begins(m, readVerbs) {
				require.True(t, begins(m, writes), "say whether %s reads or writes", m.FullName())
				for _, v := range w.viewers {
					w.refusesWrites(t, conn, m, v)
				}
				return
			}
			reached := false
			for _, v := range w.viewers {
				for _, req := range w.requests(t, m, v) {
					st := w.look(t, conn, m, v, req)
					reached = reached || reason(st) != "INVALID_ARGUMENT"
				}
				w.refusesOracles(t, conn, m, v)
			}
			require.True(t, reached, "no request was made that passes validation: teach filler to make one for %s", m.FullName())
		})
	}
	t.Run("change stream", w.changeStream)
	if t.Failed() {
		t.Logf("KONTOR_SEED=%d repeats this", seed)
	}
}

// settle waits until every service knows the roles and the reports count every record; counts are exact from then on.
func (w *world) settle(t *testing.T) {
	t.Helper()
	for _, v := range w.viewers {
		for _, k := range owned {
			want := 0
			for _, th := range w.things {
				if th.kind == k.kind && v.sees(th) {
					want++
				}
			}
			testkit.Eventually(t, func() error {
				a := v.in(t).do(http.MethodGet, "/v1/"+k.collection+":count", nil)
				if want == 0 && v.scopes[k.kind] == nil && a.status == http.StatusForbidden {
					return nil
				}
				if a.status != http.StatusOK || number(t, a.object()["count"]) != want {
					return fmt.Errorf("%s: %d: %s, want %d", k.collection, a.status, a.body, want)
				}
				return nil
			})
		}
	}
	testkit.Eventually(t, func() error {
		o, err := w.admin.in(t).ask(http.MethodPost, "/v1/reports/open-deals-by-stage:run", object{})
		if err != nil {
			return err
		}
		sum := new(big.Int)
		for _, m := range moneys(o["report"], nil) {
			if n := units(m); n.Cmp(sum) > 0 {
				sum = n
			}
		}
		for _, th := range w.things {
			if th.kind == "deal" && sum.Bit(th.bit) == 0 {
				return fmt.Errorf("the reports do not count all deals yet: %v of %v", sum, o)
			}
		}
		return nil
	})
}

// requests are requests to try: every record in turn, every kind, every way to group, and texts that are withheld.
func (w *world) requests(t *testing.T, m method, v *viewer) []proto.Message {
	t.Helper()
	var out []proto.Message
	seen := map[string]bool{}
	add := func(req proto.Message) {
		for _, r := range variants(req) {
			if s := asJSON(t, r); !seen[s] {
				seen[s] = true
				out = append(out, r)
			}
		}
	}
	for n := range perKind {
		recs := records{}
		for kind, ids := range w.gone {
			recs[kind] = ids
		}
		for i, k := range owned {
			name := strings.ToUpper(k.kind[:1]) + k.kind[1:]
			recs[name] = []string{w.things[i*perKind+n].id}
		}
		other := w.things[w.rng.IntN(len(w.things))].id
		of := func(f string) string { return cmp.Or(recs.of(m, f), other) }
		add(filler{id: of, sparse: true, word: "Yolanda"}.request(t, m))
		add(filler{id: of, word: w.things[w.rng.IntN(len(w.things))].tokens[""]}.request(t, m))
	}
	none := func(string) string { return "" }
	add(filler{id: none, sparse: true, word: "Yolanda"}.request(t, m))
	for _, th := range w.things {
		for field, token := range th.tokens {
			if (!v.sees(th) || v.hides(th.kind, field)) && w.rng.IntN(3) == 0 {
				add(filler{id: none, word: token}.request(t, m))
			}
		}
	}
	if m.Name() == "RunReport" {
		for _, r := range []string{"funnel", "lead-funnel", "deals-by-employee", "deals-by-company", "won-deals", "overdue-deals", "expected-sales", "open-deals-by-stage", "income-by-product"} {
			for _, by := range []string{"", "employee", "department", "source", "month", "company", "type", "deal", "stage", "probability", "product"} {
				req := filler{id: none, sparse: true}.request(t, m)
				set(req.ProtoReflect(), "report", r)
				set(req.ProtoReflect(), "group_by", by)
				add(req)
			}
		}
	}
	return out
}

func set(m protoreflect.Message, field, value string) {
	m.Set(m.Descriptor().Fields().ByName(protoreflect.Name(field)), protoreflect.ValueOfString(value))
}

// variants are a request with every value of its enumerations and every kind of record in place of the one it names.
func variants(req proto.Message) []proto.Message {
	out := []proto.Message{req}
	fields := req.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		switch {
		case fd.IsList() || fd.IsMap():
		case fd.Kind() == protoreflect.EnumKind:
			for j := range fd.Enum().Values().Len() {
				c := proto.Clone(req)
				c.ProtoReflect().Set(fd, protoreflect.ValueOfEnum(fd.Enum().Values().Get(j).Number()))
				out = append(out, c)
			}
		case fd.Name() == "kind" && fd.Kind() == protoreflect.StringKind:
			for _, k := range owned {
				c := proto.Clone(req)
				set(c.ProtoReflect(), "kind", k.kind)
				out = append(out, c)
			}
		case fd.Kind() == protoreflect.MessageKind && req.ProtoReflect().Has(fd) && fd.Message().Fields().ByName("kind") != nil &&
			fd.Message().Fields().ByName("kind").Kind() == protoreflect.StringKind:
			for _, k := range owned {
				c := proto.Clone(req)
				set(c.ProtoReflect().Mutable(fd).Message(), "kind", k.kind)
				out = append(out, c)
			}
		}
	}
	return out
}

// look calls a method and looks for what the viewer may not see.
func (w *world) look(t *testing.T, conn *grpc.ClientConn, m method, v *viewer, req proto.Message) *status.Status {
	t.Helper()
	answer, st := callAll(t, conn, v.token, m, req)
	asked := asJSON(t, req)
	told := fmt.Sprintf("%s asked by a viewer who is denied %v\n%s\n%s\n%s", m.FullName(), v.hidden, asked, st.Message(), answer)
	require.NotContains(t, []codes.Code{codes.Internal, codes.Unknown, codes.Unimplemented}, st.Code(), told)
	all := st.Message() + answer
	for _, th := range w.things {
		if !v.sees(th) && !strings.Contains(asked, th.id) {
			require.NotContains(t, all, th.id, "a %s out of reach: %s", th.kind, told)
		}
		for field, token := range th.tokens {
			if v.sees(th) && !v.hides(th.kind, field) {
				continue
			}
			if !strings.Contains(asked, token) {
				require.NotContains(t, all, token, "%s of a %s: %s", field, th.kind, told)
			} else if st.Code() == codes.OK && !strings.Contains(asked, th.id) && searches(m) {
				require.NotContains(t, answer, th.id, "found by %s, which is withheld: %s", field, told)
			}
		}
	}
	if st.Code() == codes.OK {
		w.checkSums(t, v, answer, told)
	}
	return st
}

// searches tells whether the text of a request is what is looked for.
func searches(m method) bool { return begins(m, []string{"Search", "Lookup", "Find", "List"}) }

// checkSums reads from every amount whose it is a sum of.
func (w *world) checkSums(t *testing.T, v *viewer, answer, told string) {
	t.Helper()
	for line := range strings.SplitSeq(strings.TrimSpace(answer), "\n") {
		var o any
		require.NoError(t, json.Unmarshal([]byte(line), &o))
		for _, amount := range moneys(o, nil) {
			n := units(amount)
			for _, th := range w.things {
				field := map[string]string{"lead": "amount", "deal": "amount", "company": "annual_turnover"}[th.kind]
				if field != "" && n.Bit(th.bit) == 1 {
					require.True(t, v.sees(th) && !v.hides(th.kind, field), "the amount of a %s is in %s: %s", th.kind, amount, told)
				}
			}
		}
	}
}

// units is the part of an amount before the point; 0 if it is none.
func units(amount string) *big.Int {
	before, _, _ := strings.Cut(amount, ".")
	n, ok := new(big.Int).SetString(before, 10)
	if !ok {
		return new(big.Int)
	}
	return n
}

// moneys are the amounts of money anywhere in JSON.
func moneys(v any, out []string) []string {
	switch v := v.(type) {
	case object:
		amount, isText := v["amount"].(string)
		if _, money := v["currencyCode"]; money && isText {
			return append(out, amount)
		}
		for _, x := range v {
			out = moneys(x, out)
		}
	case []any:
		for _, x := range v {
			out = moneys(x, out)
		}
	}
	return out
}

// refusesOracles asks for what the viewer may not see by filters, orders and columns: none may be answered.
func (w *world) refusesOracles(t *testing.T, conn *grpc.ClientConn, m method, v *viewer) {
	t.Helper()
	p, ok := proto.GetExtension(m.Options(), optionsv1.E_Permission).(*optionsv1.Permission)
	require.True(t, ok)
	for _, field := range v.hidden[p.GetKind()] {
		name := strings.Replace(field, "custom.", "custom_fields.", 1)
		for _, oracle := range []struct{ field, value string }{{"filter", name + ` = "1"`}, {"order_by", name + " desc"}, {"columns", name}} {
			req := filler{id: func(string) string { return "" }, sparse: true}.request(t, m)
			if !place(req.ProtoReflect(), oracle.field, oracle.value, 0) {
				continue
			}
			_, st := callAll(t, conn, v.token, m, req)
			require.Equal(t, codes.PermissionDenied, st.Code(), "%s: %s: %s", m.FullName(), asJSON(t, req), st.Message())
		}
	}
}

// place puts a value into the field of a message, or of one in it.
func place(m protoreflect.Message, field, value string, depth int) bool {
	if fd := m.Descriptor().Fields().ByName(protoreflect.Name(field)); fd != nil && fd.Kind() == protoreflect.StringKind {
		if fd.IsList() {
			m.Mutable(fd).List().Append(protoreflect.ValueOfString(value))
		} else {
			m.Set(fd, protoreflect.ValueOfString(value))
		}
		return true
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if depth < 2 && fd.Kind() == protoreflect.MessageKind && !fd.IsList() && !fd.IsMap() &&
			strings.HasPrefix(string(fd.Message().FullName()), "kontor.type.") && place(m.Mutable(fd).Message(), field, value, depth+1) {
			return true
		}
	}
	return false
}

// refusesWrites sends what is withheld to be written: with every record that a request can carry, by mask and by value.
func (w *world) refusesWrites(t *testing.T, conn *grpc.ClientConn, m method, v *viewer) {
	t.Helper()
	fields := m.Input().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if fd.Kind() != protoreflect.MessageKind || fd.IsList() || fd.IsMap() {
			continue
		}
		r, _ := proto.GetExtension(fd.Message().Options(), optionsv1.E_Record).(*optionsv1.Record)
		for _, field := range v.hidden[r.GetKind()] {
			req := filler{id: func(f string) string { return w.gone.of(m, f) }, sparse: true, word: "Yolanda"}.request(t, m)
			rec := req.ProtoReflect().Mutable(fd).Message()
			if key, own := strings.CutPrefix(field, "custom."); own {
				values := rec.Mutable(fd.Message().Fields().ByName("custom_fields")).Map()
				values.Set(protoreflect.ValueOfString(key).MapKey(), protoreflect.ValueOfMessage(structpb.NewStringValue("Yolanda").ProtoReflect()))
			} else {
				target := fd.Message().Fields().ByName(protoreflect.Name(field))
				switch {
				case target.IsList():
					l := rec.Mutable(target).List()
					l.Append(l.NewElement())
				case target.Kind() == protoreflect.StringKind:
					rec.Set(target, protoreflect.ValueOfString("Yolanda"))
				default:
					rec.Set(target, rec.NewField(target))
				}
			}
			_, st := callAll(t, conn, v.token, m, req)
			require.Contains(t, []codes.Code{codes.PermissionDenied, codes.InvalidArgument}, st.Code(), "%s: %s: %s", m.FullName(), asJSON(t, req), st.Message())
			if st.Code() == codes.InvalidArgument {
				require.Equal(t, "INVALID_ARGUMENT", reason(st), "%s: %s: %s", m.FullName(), asJSON(t, req), st.Message())
			}
		}
	}
}

// callAll calls any method and returns every message of its answer as a line of JSON; of files their text too.
func callAll(t *testing.T, conn *grpc.ClientConn, token string, m method, req proto.Message) (string, *status.Status) {
	t.Helper()
	if !m.IsStreamingServer() {
		text, st := call(t, conn, token, m, req)
		return text, st
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	s, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, m.path())
	require.NoError(t, err)
	if err := s.SendMsg(req); err != nil && !errors.Is(err, io.EOF) {
		require.NoError(t, err)
	}
	require.NoError(t, s.CloseSend())
	typ, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	require.NoError(t, err)
	var lines []string
	var file strings.Builder
	for {
		res := typ.New()
		if err = s.RecvMsg(res.Interface()); err != nil {
			break
		}
		line, merr := protojson.Marshal(res.Interface())
		require.NoError(t, merr)
		lines = append(lines, string(line))
		data(res, &file)
	}
	quoted, jerr := json.Marshal(file.String())
	require.NoError(t, jerr)
	lines = append(lines, string(quoted))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.Join(lines, "\n"), status.Convert(err)
}

// data gathers the bytes of a file that is sent in pieces.
func data(m protoreflect.Message, to *strings.Builder) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Kind() == protoreflect.BytesKind && !fd.IsList():
			to.Write(v.Bytes())
		case fd.Kind() == protoreflect.MessageKind && !fd.IsList() && !fd.IsMap():
			data(v.Message(), to)
		}
		return true
	})
}

// changeStream changes every record and looks at what each viewer's browser is told.
func (w *world) changeStream(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	streams := make([]chan string, len(w.viewers))
	for i, v := range w.viewers {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.base+"/v1/events:watch", nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+v.token)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, res.StatusCode)
		streams[i] = make(chan string, 1000)
		go func() {
			defer close(streams[i])
			buf := make([]byte, 64<<10)
			for {
				n, err := res.Body.Read(buf)
				if err != nil {
					_ = res.Body.Close()
					return
				}
				streams[i] <- string(buf[:n])
			}
		}()
	}
	for i, k := range owned {
		for _, th := range w.things[i*perKind : (i+1)*perKind] {
			w.admin.in(t).must(http.MethodPatch, "/v1/"+k.collection+"/"+th.id, object{"comment": w.word()})
		}
	}
	for i, v := range w.viewers {
		told := ""
		testkit.Eventually(t, func() error {
			for {
				select {
				case s := <-streams[i]:
					told += s
					continue
				default:
				}
				break
			}
			for _, th := range w.things {
				if v.sees(th) && !strings.Contains(told, th.id) {
					return fmt.Errorf("not told of a %s yet", th.kind)
				}
			}
			return nil
		})
		for _, th := range w.things {
			if !v.sees(th) {
				require.NotContains(t, told, th.id, "a %s out of reach", th.kind)
			}
			for _, token := range th.tokens {
				require.NotContains(t, told, token)
			}
		}
	}
}
