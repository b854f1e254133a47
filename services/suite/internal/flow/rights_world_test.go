package flow_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"google.golang.org/grpc"

	"kontor.internal/libs/id"
)

// owned are the kinds of records that somebody answers for, with the collections of the REST face.
var owned = []struct{ kind, collection string }{
	{"lead", "leads"}, {"contact", "contacts"}, {"company", "companies"}, {"deal", "deals"},
}

const (
	perKind  = 6
	salesmen = 4
	people   = 3 // users with generated roles
)

// thing is a record of the world that rights are tried on.
type thing struct {
	kind, id    string
	responsible string
	// tokens are texts that stand nowhere else, by the field they are in; "" is the name, which is never hidden.
	tokens map[string]string
	// bit is the place of its amount, which is a power of two: from any sum can be read whose amounts are in it.
	bit int
}

// viewer is a user with generated roles, and what follows from them.
type viewer struct {
	*caller
	id     string
	roles  []genRole
	scopes map[string]map[string]bool // kind → responsible users reached; nil is none, "*" is all
	hidden map[string][]string        // kind → fields
}

type genRole struct {
	name   string
	scopes map[string]string
	hidden map[string][]string
}

// world is an organisation with records, and who looks at it.
type world struct {
	rng     *rand.Rand
	admin   *caller
	things  []*thing
	gone    records // everything else that the administrator can list
	own     map[string]string
	viewers []*viewer
}

func (w *world) word() string {
	b := make([]byte, 12)
	for i := range b {
		b[i] = byte('a' + w.rng.IntN(26))
	}
	return "q" + string(b)
}

// build makes records of everybody's, and users who see some of them.
func build(t *testing.T, in *installation, conn *grpc.ClientConn, methods []method, rng *rand.Rand) *world {
	t.Helper()
	w := &world{rng: rng, admin: in.organization(t, "Rights"), own: map[string]string{}}
	post := func(path string, body object) object {
		for _, rec := range w.admin.must(http.MethodPost, path, body) {
			if o, ok := rec.(object); ok {
				return o
			}
		}
		return nil
	}
	w.admin.one("pipelines", "Sales")
	top := text(t, post("/v1/departments", object{"name": "Top"}), "id")
	below := text(t, post("/v1/departments", object{"name": "Below", "parentId": top}), "id")
	departments := []string{top, below}
	members := map[string][]string{}
	var staff []string
	for i := range salesmen {
		d := departments[i%2]
		u := text(t, post("/v1/users", object{"name": "Seller " + strconv.Itoa(i), "departmentId": d, "email": id.New() + "@rights.test"}), "id")
		staff = append(staff, u)
		members[d] = append(members[d], u)
	}
	for i := range people {
		v := &viewer{roles: []genRole{w.role(t), w.role(t)}[:1+w.rng.IntN(2)]}
		var roleIDs []string
		for _, r := range v.roles {
			roleIDs = append(roleIDs, text(t, post("/v1/roles", r.body()), "id"))
		}
		d := departments[i%2]
		u := post("/v1/users", object{"name": "Viewer " + strconv.Itoa(i), "departmentId": d, "roleIds": roleIDs, "email": id.New() + "@rights.test"})
		v.id = text(t, u, "id")
		v.caller = &caller{email: text(t, u, "email")}
		w.admin.must(http.MethodPost, "/v1/users/"+v.id+":setPassword", object{"password": password})
		staff, members[d] = append(staff, v.id), append(members[d], v.id)
		w.viewers = append(w.viewers, v)
	}
	for i, v := range w.viewers {
		d := departments[i%2]
		reach := map[string][]string{"own": {v.id}, "dept": members[d], "below": members[d], "all": {"*"}}
		if d == top {
			reach["below"] = append(slices.Clone(members[top]), members[below]...)
		}
		v.derive(reach)
	}
	for _, k := range owned {
		f := post("/v1/customFields/"+k.kind, object{"label": "Secret", "type": "TYPE_STRING"})
		w.own[k.kind] = text(t, f, "key")
	}
	bit := 0
	for _, k := range owned {
		for range perKind {
			th := w.thing(k.kind, staff[w.rng.IntN(len(staff))], bit)
			th.id = text(t, post("/v1/"+k.collection, w.body(th)), "id")
			w.things = append(w.things, th)
			bit++
		}
	}
	for _, v := range w.viewers {
		v.caller = in.signIn(t, v.email)
	}
	w.gone = gather(t, conn, w.admin, methods)
	return w
}

// role makes up a role: for every kind how far it reaches, and what it hides.
func (w *world) role(t *testing.T) genRole {
	t.Helper()
	r := genRole{name: w.word(), scopes: map[string]string{}, hidden: map[string][]string{}}
	for _, k := range owned {
		r.scopes[k.kind] = []string{"", "own", "dept", "below", "all"}[w.rng.IntN(5)]
		for _, f := range withheld(k.kind) {
			if w.rng.IntN(3) == 0 {
				r.hidden[k.kind] = append(r.hidden[k.kind], f)
			}
		}
	}
	return r
}

// withheld are the fields that roles here may hide.
func withheld(kind string) []string {
	return map[string][]string{
		"lead":    {"comment", "source", "phones", "emails", "company_name", "position", "request", "amount", "custom.secret"},
		"contact": {"comment", "source", "phones", "emails", "position", "custom.secret"},
		"company": {"comment", "source", "phones", "emails", "legal_name", "industry", "annual_turnover", "custom.secret"},
		"deal":    {"comment", "source", "amount", "custom.secret"},
	}[kind]
}

func (r genRole) body() object {
	grants := []object{}
	grant := func(kind, scope string) {
		if scope == "" {
			return
		}
		full := map[string]string{"own": "SCOPE_OWN", "dept": "SCOPE_DEPARTMENT", "below": "SCOPE_DEPARTMENT_AND_BELOW", "all": "SCOPE_ALL"}[scope]
		grants = append(grants, object{"kind": kind, "action": "ACTION_UNSPECIFIED", "scope": full})
	}
	fields := []object{}
	for _, k := range owned {
		grant(k.kind, r.scopes[k.kind])
		for _, f := range r.hidden[k.kind] {
			fields = append(fields, object{"kind": k.kind, "field": f, "access": "FIELD_ACCESS_HIDDEN"})
		}
	}
	// What is nobody's in particular is for all; reports reach as far as records do.
	for _, kind := range []string{"report", "product", "user", "department", "role"} {
		grants = append(grants, object{"kind": kind, "action": "ACTION_VIEW", "scope": "SCOPE_ALL"})
	}
	return object{"name": r.name, "grants": grants, "fields": fields}
}

// derive reckons what the roles come to, as the specification says it: of several the widest.
func (v *viewer) derive(reach map[string][]string) {
	v.scopes, v.hidden = map[string]map[string]bool{}, map[string][]string{}
	for _, k := range owned {
		var granting []genRole
		for _, r := range v.roles {
			if r.scopes[k.kind] == "" {
				continue
			}
			granting = append(granting, r)
			if v.scopes[k.kind] == nil {
				v.scopes[k.kind] = map[string]bool{}
			}
			for _, u := range reach[r.scopes[k.kind]] {
				v.scopes[k.kind][u] = true
			}
		}
		for _, f := range withheld(k.kind) {
			all := len(granting) > 0
			for _, r := range granting {
				all = all && slices.Contains(r.hidden[k.kind], f)
			}
			if all {
				v.hidden[k.kind] = append(v.hidden[k.kind], f)
			}
		}
	}
}

func (v *viewer) sees(th *thing) bool {
	return v.scopes[th.kind]["*"] || v.scopes[th.kind][th.responsible]
}

func (v *viewer) hides(kind, field string) bool { return slices.Contains(v.hidden[kind], field) }

// thing makes up a record with a text of its own in every field.
func (w *world) thing(kind, responsible string, bit int) *thing {
	th := &thing{kind: kind, responsible: responsible, bit: bit, tokens: map[string]string{"": w.word()}}
	for _, f := range withheld(kind) {
		switch f {
		case "amount", "annual_turnover":
		case "phones":
			th.tokens[f] = fmt.Sprintf("1415555%04d", 1000+bit)
		default:
			th.tokens[f] = w.word()
		}
	}
	return th
}

func (w *world) body(th *thing) object {
	k := th.tokens
	o := object{"responsibleId": th.responsible, "comment": k["comment"], "source": k["source"], "customFields": object{w.own[th.kind]: k["custom.secret"]}}
	amount := object{"currencyCode": "USD", "amount": new(big.Int).Lsh(big.NewInt(1), uint(th.bit)).String()}
	if th.kind != "deal" {
		o["phones"], o["emails"] = []object{{"number": "+" + k["phones"]}}, []object{{"address": k["emails"] + "@example.com"}}
	}
	switch th.kind {
	case "lead":
		o["title"], o["lastName"], o["companyName"], o["position"], o["request"], o["amount"] = k[""], k[""], k["company_name"], k["position"], k["request"], amount
	case "contact":
		o["lastName"], o["position"] = k[""], k["position"]
	case "company":
		o["name"], o["legalName"], o["industry"], o["annualTurnover"] = k[""], k["legal_name"], k["industry"], amount
	case "deal":
		o["name"], o["amount"], o["probability"] = k[""], amount, 100
	}
	return o
}
