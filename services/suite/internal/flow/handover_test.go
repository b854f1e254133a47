package flow_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
)

// leaver is an organisation with somebody who leaves, and the records of that person.
type leaver struct {
	admin           *caller
	user, successor string
	third           string
	// records of the leaver by kind; closed ones are lost, or rejected.
	lead, contact, company, deal, closed object
}

func member(t *testing.T, admin *caller, name string) string {
	t.Helper()
	roles, _ := admin.get("/v1/roles", "filter", `code = "manager"`)["roles"].([]any)
	require.Len(t, roles, 1)
	role, _ := roles[0].(object)
	u, _ := admin.must(http.MethodPost, "/v1/users", object{
		"name": name, "email": id.New() + "@kontor.test", "roleIds": []string{text(t, role, "id")},
	})["user"].(object)
	return text(t, u, "id")
}

func leaving(t *testing.T) *leaver {
	t.Helper()
	admin := running(t).organization(t, "Handover")
	l := &leaver{
		admin: admin, user: member(t, admin, "Lea Leaver"), successor: member(t, admin, "Sue Successor"),
		third: member(t, admin, "Tom Third"),
	}
	make := func(path, field string, body object) object {
		t.Helper()
		var out object
		// Every service has to hear of the users first.
		testkit.Eventually(t, func() error {
			o, err := admin.ask(http.MethodPost, path, body)
			out, _ = o[field].(object)
			return err
		})
		return out
	}
	l.lead = make("/v1/leads", "lead", object{"title": "Asks for a price", "responsibleId": l.user})
	l.contact = make("/v1/contacts", "contact", object{"firstName": "Carl", "responsibleId": l.user})
	l.company = make("/v1/companies", "company", object{"name": "Acme", "responsibleId": l.user})
	pipelines, _ := admin.get("/v1/pipelines")["pipelines"].([]any)
	pipeline, _ := pipelines[0].(object)
	l.deal = make("/v1/deals", "deal", object{"name": "Big one", "responsibleId": l.user, "pipelineId": text(t, pipeline, "id")})
	l.closed = make("/v1/deals", "deal", object{"name": "Won long ago", "responsibleId": l.user, "pipelineId": text(t, pipeline, "id")})
	won := admin.must(http.MethodPost, "/v1/deals/"+text(t, l.closed, "id")+":win", object{})
	l.closed, _ = won["deal"].(object)
	return l
}

// responsible is who answers for a record now.
func (l *leaver) responsible(t *testing.T, collection, field string, o object) string {
	t.Helper()
	r, _ := l.admin.get("/v1/" + collection + "/" + text(t, o, "id"))[field].(object)
	return text(t, r, "responsibleId")
}

// await waits until the handover is in a state.
func (l *leaver) await(t *testing.T, handover, state string) object {
	t.Helper()
	var h object
	testkit.Eventually(t, func() error {
		o, err := l.admin.ask(http.MethodGet, "/v1/handovers/"+handover, nil)
		if h, _ = o["handover"].(object); err == nil && h["state"] != state {
			err = fmt.Errorf("the handover is %v", h)
		}
		return err
	})
	return h
}

// ID-2: whoever is deactivated hands every open record over in one action; taken back, every record is the leaver's
// again, whatever was done to it meanwhile, but those that were given to others, which are listed.
func TestLeaverHandsOverAndComesBack(t *testing.T) {
	l := leaving(t)
	for _, wrong := range []string{l.user, id.New()} {
		a := l.admin.do(http.MethodPost, "/v1/users/"+l.user+":deactivate", object{"successorId": wrong})
		require.Equal(t, http.StatusBadRequest, a.status, "%s", a.body)
		require.Equal(t, "SUCCESSOR_INVALID", a.object()["reason"])
	}
	const key = "leave-once"
	post := func() object {
		a := l.admin.do(http.MethodPost, "/v1/users/"+l.user+":deactivate", object{"successorId": l.successor}, "Idempotency-Key", key)
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		return a.object()
	}
	out := post()
	u, _ := out["user"].(object)
	require.Equal(t, false, u["active"])
	h, _ := out["handover"].(object)
	handover := text(t, h, "id")
	again, _ := post()["handover"].(object)
	require.Equal(t, handover, again["id"], "the same request again begins no second one")

	h = l.await(t, handover, "HANDOVER_STATE_DONE")
	require.Equal(t, 4, number(t, h["moved"]), "%v", h)
	require.Equal(t, 0, number(t, h["left"]), "%v", h)
	op, _ := l.admin.get("/v1/operations/" + text(t, h, "operationId"))["operation"].(object)
	require.Equal(t, "STATE_SUCCEEDED", op["state"])
	require.Equal(t, l.successor, l.responsible(t, "leads", "lead", l.lead))
	require.Equal(t, l.successor, l.responsible(t, "contacts", "contact", l.contact))
	require.Equal(t, l.successor, l.responsible(t, "companies", "company", l.company))
	require.Equal(t, l.successor, l.responsible(t, "deals", "deal", l.deal))
	require.Equal(t, l.user, l.responsible(t, "deals", "deal", l.closed), "what is closed stays in the leaver's history")

	// Somebody works on one of them, and gives another on, before it is all taken back.
	l.admin.must(http.MethodPatch, "/v1/contacts/"+text(t, l.contact, "id"), object{"firstName": "Charles"})
	l.admin.must(http.MethodPatch, "/v1/companies/"+text(t, l.company, "id"), object{"responsibleId": l.third})
	l.admin.must(http.MethodPost, "/v1/handovers/"+handover+":revert", object{})
	h = l.await(t, handover, "HANDOVER_STATE_REVERTED")
	require.Equal(t, 3, number(t, h["returned"]), "%v", h)
	require.Equal(t, 1, number(t, h["kept"]), "%v", h)
	require.Equal(t, l.user, l.responsible(t, "leads", "lead", l.lead))
	require.Equal(t, l.user, l.responsible(t, "contacts", "contact", l.contact))
	require.Equal(t, l.user, l.responsible(t, "deals", "deal", l.deal))
	require.Equal(t, l.third, l.responsible(t, "companies", "company", l.company))
	kept, _ := l.admin.get("/v1/handovers/"+handover+"/records", "filter", `state = "kept"`)["records"].([]any)
	require.Len(t, kept, 1)
	record, _ := kept[0].(object)
	require.Equal(t, text(t, l.company, "id"), record["recordId"])
	require.Equal(t, "Acme", record["name"])
	require.Equal(t, "REASSIGNED", record["reason"])
	back, _ := l.admin.get("/v1/users/" + l.user)["user"].(object)
	require.Equal(t, true, back["active"])
	a := l.admin.do(http.MethodPost, "/v1/handovers/"+handover+":revert", object{})
	require.Equal(t, "HANDOVER_REVERTED", a.object()["reason"])
}

// ID-4, ID-5: why somebody may, or may not, do something to a record.
func TestExplainAccess(t *testing.T) {
	l := leaving(t)
	explain := func(user, action string, record object) object {
		t.Helper()
		q := url.Values{"kind": {"deal"}, "action": {action}}
		if record != nil {
			q.Set("recordId", text(t, record, "id"))
		}
		return l.admin.must(http.MethodGet, "/v1/users/"+user+":explainAccess?"+q.Encode(), nil)
	}
	own := explain(l.user, "ACTION_UPDATE", l.deal)
	require.Equal(t, true, own["allowed"])
	require.Equal(t, "ACCESS_REASON_SCOPE", own["reason"])
	require.Equal(t, "SCOPE_OWN", own["scope"])
	require.Equal(t, l.user, own["responsibleId"])
	grants, _ := own["grants"].([]any)
	require.NotEmpty(t, grants)
	grant, _ := grants[0].(object)
	require.Equal(t, "Manager", grant["roleName"])

	other := explain(l.successor, "ACTION_VIEW", l.deal)
	require.Equal(t, false, other["allowed"])
	require.Equal(t, "ACCESS_REASON_OUT_OF_SCOPE", other["reason"])
	l.admin.must(http.MethodPatch, "/v1/deals/"+text(t, l.deal, "id"), object{"observerIds": []string{l.successor}})
	require.Equal(t, "ACCESS_REASON_OBSERVER", explain(l.successor, "ACTION_VIEW", l.deal)["reason"])
	require.Equal(t, "ACCESS_REASON_OUT_OF_SCOPE", explain(l.successor, "ACTION_UPDATE", l.deal)["reason"])
	require.Equal(t, "ACCESS_REASON_SOME_RECORDS", explain(l.user, "ACTION_VIEW", nil)["reason"])
	bare, _ := l.admin.must(http.MethodPost, "/v1/users", object{"name": "No role", "email": id.New() + "@kontor.test"})["user"].(object)
	testkit.Eventually(t, func() error {
		o, err := l.admin.ask(http.MethodGet, "/v1/users/"+text(t, bare, "id")+":explainAccess?kind=deal&action=ACTION_VIEW", nil)
		if err == nil && o["reason"] != "ACCESS_REASON_NO_GRANT" {
			err = fmt.Errorf("explained as %v", o)
		}
		return err
	})
	a := l.admin.do(http.MethodGet, "/v1/users/"+l.user+":explainAccess?kind=user&action=ACTION_VIEW&recordId="+l.user, nil)
	require.Equal(t, "EXPLAIN_KIND", a.object()["reason"])
}
