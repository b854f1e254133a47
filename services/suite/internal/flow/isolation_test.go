package flow_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"

	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
)

// The tests here go by what the server serves and what the contracts say, so a new method is tested by being there.

// secret stands in the name of every record of the organisation that is to stay hidden.
const secret = "Zebulon"

// How the hidden ones could be looked for.
const (
	phone = "+14155550142"
	email = "zebulon@hidden.test"
)

// victim is an organisation with a record of every kind.
type victim struct {
	admin   *caller
	records records
	// nobody is a user of the same organisation without any role.
	nobody *caller
}

// hidden makes a victim.
func hidden(t *testing.T, in *installation, conn *grpc.ClientConn, methods []method) *victim {
	t.Helper()
	c := in.organization(t, secret)
	v := &victim{admin: c, records: records{}}
	post := func(path string, body object) object {
		t.Helper()
		for _, rec := range c.must(http.MethodPost, path, body) {
			if o, ok := rec.(object); ok {
				return o
			}
		}
		return nil
	}
	c.one("pipelines", "Sales") // made when first looked for
	dep := post("/v1/departments", object{"name": secret})
	user := post("/v1/users", object{"name": secret, "email": "zebulon-" + id.New() + "@hidden.test", "departmentId": dep["id"]})
	c.must(http.MethodPost, "/v1/users/"+text(t, user, "id")+":setPassword", object{"password": password})
	post("/v1/roles", object{"name": secret})
	service := post("/v1/serviceAccounts", object{"name": secret})
	post("/v1/apiKeys", object{"name": secret, "serviceAccountId": service["id"]})
	company := post("/v1/companies", object{"name": secret, "phones": []object{{"number": phone}}})
	contact := post("/v1/contacts", object{"firstName": secret, "lastName": secret, "emails": []object{{"address": email}}})
	post("/v1/leads", object{"title": secret, "lastName": secret})
	section := post("/v1/sections", object{"name": secret})
	product := post("/v1/products", object{"name": secret, "sectionId": section["id"], "active": true})
	post("/v1/priceTypes", object{"name": secret})
	post("/v1/exchangeRates", object{"currencyCode": "EUR", "rate": "1.1", "date": object{"year": 2026, "month": 1, "day": 2}})
	post("/v1/deals", object{
		"name": secret, "companyId": company["id"], "contactId": contact["id"],
		"lines": []object{{"productId": product["id"], "quantity": "1", "price": "10"}},
	})
	field := post("/v1/customFields/company", object{"label": secret, "type": "TYPE_STRING"})
	post("/v1/views", object{"name": secret, "kind": "company"})
	post("/v1/oidcProviders", object{"name": secret, "issuer": "https://login.hidden.test", "clientId": "kontor"})
	file := upload(t, c, secret+".csv", "name\n"+secret+"\n")
	operation := post("/v1/companies:import", object{"fileId": file, "mapping": "kind: company\nfields: {name: {column: name}}"})
	v.nobody = in.signIn(t, text(t, user, "email"))

	v.records = gather(t, conn, c, methods)
	v.records["Operation"] = []string{text(t, operation, "id")}
	v.records["CustomField"] = []string{text(t, field, "id")}
	return v
}

// gather lists everything that a caller may list.
func gather(t *testing.T, conn *grpc.ClientConn, c *caller, methods []method) records {
	t.Helper()
	out := records{}
	for _, m := range methods {
		if !strings.HasPrefix(string(m.Name()), "List") || m.access == optionsv1.Access_ACCESS_SERVICE {
			continue
		}
		in := filler{id: func(f string) string { return out.of(m, f) }, sparse: true}.request(t, m)
		typ, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
		require.NoError(t, err)
		res := typ.New()
		if err := conn.Invoke(bearer(t, c.token), m.path(), in, res.Interface()); err == nil {
			out.collect(res)
		}
	}
	return out
}

// upload puts a file into the files service.
func upload(t *testing.T, c *caller, name, content string) (fileID string) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", name)
	require.NoError(t, err)
	_, err = part.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, form.Close())
	a := c.in(t).do(http.MethodPost, "/v1/files", body.String(), "Content-Type", form.FormDataContentType())
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	file, _ := a.object()["file"].(object)
	return text(t, file, "id")
}

// ID-1: whatever ID of another organisation is guessed, wherever it is put: it is not there, and nothing of that
// organisation is told or changed.
func TestAnotherOrganizationIsNotThere(t *testing.T) {
	in := running(t)
	conn := in.plain(t)
	methods := served(t, conn)
	theirs := hidden(t, in, conn, methods)
	before := theirs.snapshot(t)
	me := in.organization(t, "Curious")
	mine := gather(t, conn, me, methods)

	kinds := make([]string, 0, len(theirs.records))
	var ids []string
	for kind, list := range theirs.records {
		kinds = append(kinds, kind)
		ids = append(ids, list...)
	}
	sort.Strings(kinds)
	t.Logf("%d methods; %d IDs of %v", len(methods), len(ids), kinds)

	for _, m := range methods {
		if m.IsStreamingClient() {
			continue
		}
		if resource, ok := strings.CutPrefix(string(m.Name()), "Create"); ok && m.access == optionsv1.Access_ACCESS_UNSPECIFIED {
			require.Contains(t, kinds, resource, "make one in hidden, so that it can be asked for")
		}
		t.Run(string(m.Parent().Name())+"."+string(m.Name()), func(t *testing.T) {
			reached := false
			var refused []string
			for _, req := range theirs.requests(t, m, mine) {
				if m.access == optionsv1.Access_ACCESS_SERVICE {
					_, st := call(t, conn, me.token, m, req)
					require.Equal(t, codes.PermissionDenied, st.Code(), "a method of services, called by a user")
					reached = true
					continue
				}
				answer, st := call(t, conn, me.token, m, req)
				told := asJSON(t, req) + "\n" + st.Message() + "\n" + answer
				if reason(st) == "INVALID_ARGUMENT" {
					refused = append(refused, asJSON(t, req), fmt.Sprint(st.Details()))
				} else {
					reached = true
				}
				switch st.Code() {
				case codes.OK:
					require.Empty(t, mentions(answer, ids...), "%s", told)
					if !strings.Contains(asJSON(t, req), secret) { // it may be said again
						require.NotContains(t, answer, secret, "%s", told)
					}
				case codes.NotFound, codes.InvalidArgument, codes.FailedPrecondition, codes.AlreadyExists, codes.Unauthenticated, codes.ResourceExhausted:
					require.NotContains(t, st.Message(), secret, "%s", told)
				default:
					require.Fail(t, "answered "+st.Code().String(), "%s", told)
				}
			}
			require.True(t, reached, "no request was made that passes validation: teach filler to make one\n%s", strings.Join(refused, "\n"))
		})
	}
	require.Equal(t, before, theirs.snapshot(t), "nothing of theirs has changed")
}

// requests are the requests to try with a method: each ID in every place, IDs where they belong, and theirs beside mine.
func (v *victim) requests(t *testing.T, m method, mine records) []proto.Message {
	t.Helper()
	var out []proto.Message
	seen := map[string]bool{}
	add := func(f filler) {
		req := f.request(t, m)
		if s := asJSON(t, req); !seen[s] || s == "{}" && len(out) == 0 {
			seen[s] = true
			out = append(out, req)
		}
	}
	for _, list := range v.records {
		for _, one := range list[:min(len(list), 2)] {
			id := func(string) string { return one }
			add(filler{id: id, sparse: true, word: "Yolanda"})
			add(filler{id: id, word: "Yolanda"})
		}
	}
	typed := func(f string) string { return v.records.of(m, f) }
	if reads(m) {
		for _, word := range []string{secret, phone, email} {
			add(filler{id: typed, word: word})
			add(filler{id: func(string) string { return "" }, word: word})
		}
	}
	add(filler{id: typed, sparse: true, word: "Yolanda"})
	add(filler{id: typed, word: "Yolanda"})
	beside := func(f string) string {
		if f == "id" {
			return mine.of(m, f)
		}
		return v.records.of(m, f)
	}
	if beside("id") != "" {
		add(filler{id: beside, word: "Yolanda"})
		add(filler{id: beside, sparse: true, word: "Yolanda"})
	}
	return out
}

// reads tells whether a method only tells of records.
func reads(m method) bool {
	for _, verb := range []string{"Get", "BatchGet", "List", "Count", "Lookup", "Search", "Preview", "Run"} {
		if strings.HasPrefix(string(m.Name()), verb) {
			return true
		}
	}
	return false
}

// snapshot is everything of the organisation that its administrator can list.
func (v *victim) snapshot(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	c := v.admin.in(t)
	for _, collection := range []string{
		"deals", "leads", "contacts", "companies", "products", "sections", "priceTypes", "pipelines", "users", "departments", "roles",
		"serviceAccounts", "apiKeys", "exchangeRates", "leadStatuses",
	} {
		a := c.do(http.MethodGet, "/v1/"+collection+"?pageSize=500", nil)
		require.Equal(t, http.StatusOK, a.status, "%s: %s", collection, a.body)
		out[collection] = string(a.body)
	}
	out["settings"] = string(c.do(http.MethodGet, "/v1/settings", nil).body)
	return out
}

// Without a token nobody gets anywhere but where the contract says so.
func TestNothingWithoutAToken(t *testing.T) {
	in := running(t)
	conn := in.plain(t)
	for _, m := range served(t, conn) {
		for name, token := range map[string]string{"none": "", "nonsense": "x.y.z"} {
			t.Run(string(m.Parent().Name())+"."+string(m.Name())+"/"+name, func(t *testing.T) {
				for _, sparse := range []bool{true, false} {
					req := filler{id: func(string) string { return id.New() }, word: "Yolanda", sparse: sparse}.request(t, m)
					answer, st := call(t, conn, token, m, req)
					switch m.access {
					case optionsv1.Access_ACCESS_PUBLIC:
						require.NotContains(t, []codes.Code{codes.Internal, codes.Unknown, codes.Unavailable}, st.Code(), st.Message())
						require.NotContains(t, answer, secret)
					case optionsv1.Access_ACCESS_SERVICE:
						require.Equal(t, codes.PermissionDenied, st.Code(), st.Message())
					case optionsv1.Access_ACCESS_UNSPECIFIED, optionsv1.Access_ACCESS_SIGNED_IN:
						require.Equal(t, codes.Unauthenticated, st.Code(), st.Message())
					}
				}
			})
		}
	}
}

// ID-6: who has no role may do nothing that needs one, and is told of no record by what needs none.
func TestNothingWithoutARole(t *testing.T) {
	in := running(t)
	conn := in.plain(t)
	methods := served(t, conn)
	v := hidden(t, in, conn, methods)
	before := v.snapshot(t)
	for _, m := range methods {
		if m.IsStreamingClient() || m.access == optionsv1.Access_ACCESS_PUBLIC {
			continue
		}
		t.Run(string(m.Parent().Name())+"."+string(m.Name()), func(t *testing.T) {
			for _, req := range v.requests(t, m, v.records) {
				answer, st := call(t, conn, v.nobody.token, m, req)
				if m.access == optionsv1.Access_ACCESS_SIGNED_IN {
					// The user's own name may be told, and what everybody has to know.
					if !strings.Contains(string(m.Name()), "Me") && m.Name() != "SetPresence" {
						require.NotContains(t, answer, secret, asJSON(t, req))
					}
					continue
				}
				require.Equal(t, codes.PermissionDenied, st.Code(), "%s: %s", asJSON(t, req), st.Message())
			}
		})
	}
	after := v.snapshot(t)
	after["users"], before["users"] = "", "" // the user may change what is the user's own
	require.Equal(t, before, after)
}

// A user who is deactivated is out at once, with a token that would be good for minutes yet.
func TestADeactivatedUserIsOut(t *testing.T) {
	in := running(t)
	admin := in.organization(t, "Leavers")
	u, _ := admin.must(http.MethodPost, "/v1/users", object{"name": "Leaver", "email": "leaver-" + id.New() + "@kontor.test"})["user"].(object)
	admin.must(http.MethodPost, "/v1/users/"+text(t, u, "id")+":setPassword", object{"password": password})
	leaver := in.signIn(t, text(t, u, "email"))
	admin.must(http.MethodPost, "/v1/users/"+text(t, u, "id")+":deactivate", object{})
	testkit.Eventually(t, func() error {
		if a := leaver.do(http.MethodGet, "/v1/me", nil); a.status != http.StatusUnauthorized {
			return fmt.Errorf("%d: %s", a.status, a.body)
		}
		return nil
	})
	require.Equal(t, http.StatusUnauthorized, leaver.do(http.MethodPost, "/v1/sessions", object{"email": leaver.email, "password": password}).status)
}
