import { Button, SegmentedControl, Select, Textarea, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useCan } from "../../api/directory";
import { faultOf } from "../../api/errors";
import type { Lead, LeadStatus } from "../../api/model";
import { useCreate } from "../../api/resource";
import { t } from "../../i18n";
import { Dialog } from "../../parts/Dialog";
import { useDraft } from "../../parts/draft";
import { DoNotContact } from "../../parts/fields/tags";
import { UserName } from "../../parts/fields/pickers";
import { allOf, anyOf, between, partOf, quote, splitValues, userFilter } from "../../parts/filters";
import type { Column } from "../../parts/list/columns";
import { ListPage } from "../../parts/list/ListPage";
import { useListState } from "../../parts/list/listState";
import { Money } from "../../parts/Money";
import { Empty } from "../../parts/notes";
import { useRequiredCustomFields } from "../../parts/fields/CustomFields";
import { When } from "../../parts/When";
import { sourceLabel, sourceOptions } from "./choices";
import { DuplicateWarning } from "./Duplicates";
import { leads, leadStatusesOptions } from "./queries";
import classes from "./contacts.module.css";

/** The name of whoever made the enquiry. */
export function leadPerson(lead: Lead): string {
  return [lead.firstName, lead.middleName, lead.lastName].filter(Boolean).join(" ");
}

/** Whether nobody has worked on the lead yet. */
export function isUntouched(lead: Lead): boolean {
  return !lead.touchTime && !lead.conversion;
}

/** A status with its colour, and whether the lead waits. */
export function StatusMark({ lead, status }: { lead: Lead; status: LeadStatus | undefined }) {
  return (
    <>
      <i
        className={classes["dot"]}
        style={{ background: status?.color || "var(--line-strong)" }}
        aria-hidden
      />
      {status?.name ?? ""}
      {lead.overdueSince ? (
        <>
          {" "}
          <span className={classes["mark"]} data-tone="bad" title={t("lead.overdueHint")}>
            {t("lead.overdue")}
          </span>
        </>
      ) : (
        isUntouched(lead) && (
          <>
            {" "}
            <span className={classes["mark"]} data-tone="new">
              {t("lead.untouched")}
            </span>
          </>
        )
      )}
    </>
  );
}

function columnsWith(statuses: Map<string, LeadStatus>): () => Column<Lead>[] {
  return () => [
    {
      id: "title",
      title: t("lead.title"),
      min: 190,
      grow: 2.2,
      sort: "title",
      phone: "title",
      cell: (l) => (
        <>
          {l.title} <DoNotContact channels={l.doNotContact} />
        </>
      ),
    },
    {
      id: "status",
      title: t("lead.status"),
      min: 160,
      grow: 1.1,
      phone: "subside",
      cell: (l) => <StatusMark lead={l} status={statuses.get(l.statusId)} />,
    },
    {
      id: "person",
      title: t("contact.one"),
      min: 110,
      grow: 1,
      drop: 5,
      phone: "sub",
      cell: (l) => leadPerson(l),
    },
    {
      id: "company",
      title: t("company.one"),
      min: 120,
      grow: 1,
      drop: 2,
      sort: "company_name",
      phone: "sub",
      cell: (l) => l.companyName,
    },
    {
      id: "phone",
      title: t("field.phone"),
      min: 120,
      grow: 0.7,
      drop: 7,
      cell: (l) => l.phones[0]?.number ?? "",
    },
    {
      id: "email",
      title: t("field.email"),
      min: 150,
      grow: 1,
      optional: true,
      drop: 8,
      cell: (l) => l.emails[0]?.address ?? "",
    },
    {
      id: "source",
      title: t("field.source"),
      min: 90,
      grow: 0.6,
      drop: 6,
      cell: (l) => sourceLabel(l.source),
    },
    {
      id: "importance",
      title: t("lead.importance"),
      min: 70,
      grow: 0,
      optional: true,
      right: true,
      sort: "importance",
      cell: (l) => l.importance || "",
    },
    {
      id: "amount",
      title: t("lead.amount"),
      min: 90,
      grow: 0,
      drop: 4,
      right: true,
      phone: "side",
      cell: (l) => <Money value={l.amount} />,
    },
    {
      id: "responsible",
      title: t("field.responsible"),
      min: 110,
      grow: 0.8,
      drop: 1,
      cell: (l) => <UserName id={l.responsibleId} />,
    },
    {
      id: "created",
      title: t("field.created"),
      min: 84,
      grow: 0,
      drop: 3,
      right: true,
      sort: "create_time",
      cell: (l) => <When at={l.createTime} />,
    },
  ];
}

/** The list of leads: what came in and is to be worked on. */
export function LeadsPage() {
  const [adding, setAdding] = useState(false);
  const { search, set } = useListState();
  const mayCreate = useCan("lead", "create");
  const mayScreen = useCan("lead", "update");
  const statusList = useQuery(leadStatusesOptions).data;
  const statuses = useMemo(() => new Map((statusList ?? []).map((s) => [s.id, s])), [statusList]);
  const columns = useMemo(() => columnsWith(statuses), [statuses]);
  const filters = useMemo(
    () => [
      {
        id: "status",
        label: t("lead.status"),
        kind: "choice" as const,
        options: (statusList ?? []).map((s) => ({ value: s.id, label: s.name })),
      },
      { id: "responsible", label: t("field.responsible"), kind: "users" as const },
      { id: "source", label: t("field.source"), kind: "choice" as const, options: sourceOptions() },
      { id: "created", label: t("field.created"), kind: "dates" as const },
      { id: "campaign", label: t("lead.campaign"), kind: "text" as const },
      { id: "where", label: t("filter.fromReport"), kind: "flag" as const },
    ],
    [statusList],
  );
  const working = (statusList ?? [])
    .filter((s) => s.kind === "LEAD_STATUS_KIND_NEW" || s.kind === "LEAD_STATUS_KIND_OPEN")
    .map((s) => s.id);
  const view = search["view"] ?? "open";
  return (
    <>
      <ListPage
        resource={leads}
        title={t("lead.many")}
        path="/leads"
        columns={columns}
        filters={filters.filter((def) => def.id !== "where" || search["where"] !== undefined)}
        defaultSort="create_time desc"
        toFilter={(values, me) =>
          allOf(
            partOf(["title", "name", "company_name"], values["q"] ?? ""),
            !values["status"] && (values["view"] ?? "open") === "open" && anyOf("status_id", working),
            anyOf("status_id", splitValues(values["status"])),
            userFilter("responsible_id", values["responsible"], me.user.id),
            anyOf("source", splitValues(values["source"])),
            between("create_time", values["created"], (day) => quote(`${day}T00:00:00Z`)),
            values["campaign"] && partOf(["utm_campaign"], values["campaign"]),
            values["where"] && `(${values["where"]})`,
          )
        }
        views={
          <SegmentedControl
            size="xs"
            aria-label={t("lead.view")}
            value={view}
            onChange={(next) => set({ view: next === "open" ? undefined : next })}
            data={[
              { value: "open", label: t("lead.viewOpen") },
              { value: "all", label: t("lead.viewAll") },
            ]}
          />
        }
        actions={
          mayScreen && (
            <Button component={Link} to="/screening" size="compact-sm" variant="default">
              {t("screening.open")}
            </Button>
          )
        }
        newLabel={t("lead.new")}
        onNew={mayCreate ? () => setAdding(true) : undefined}
        rowTone={(lead) => (lead.conversion ? "dim" : undefined)}
        empty={
          <Empty
            title={t("lead.emptyTitle")}
            action={
              <span style={{ display: "flex", gap: 8 }}>
                {mayCreate && <Button onClick={() => setAdding(true)}>{t("lead.new")}</Button>}
                <Button component={Link} to="/settings/import" variant="default">
                  {t("import.go")}
                </Button>
              </span>
            }
          >
            {t("lead.emptyText")}
          </Empty>
        }
      />
      {adding && <NewLead onClose={() => setAdding(false)} />}
    </>
  );
}

function NewLead({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const create = useCreate(leads);
  const [draft, change, clear] = useDraft("lead", {
    title: "",
    person: "",
    company: "",
    phone: "",
    email: "",
    request: "",
    source: "call",
  });
  const custom = useRequiredCustomFields("lead", { source: draft.source });
  const submit = (): void => {
    const [first = "", ...rest] = draft.person.trim().split(/\s+/);
    create.mutate(
      {
        ...custom.body,
        title: draft.title.trim(),
        firstName: first,
        lastName: rest.join(" "),
        companyName: draft.company.trim(),
        request: draft.request.trim(),
        source: draft.source,
        ...(draft.phone ? { phones: [{ number: draft.phone, kind: "work", primary: true, e164: "" }] } : {}),
        ...(draft.email
          ? { emails: [{ address: draft.email, kind: "work", primary: true, normalized: "" }] }
          : {}),
      },
      {
        onSuccess: (lead) => {
          clear();
          onClose();
          void navigate({ to: "/leads/$id", params: { id: lead.id }, search: ((s: object) => s) as never });
        },
      },
    );
  };
  const something = [draft.title, draft.person, draft.company].some((text) => text.trim());
  return (
    <Dialog
      title={t("lead.new")}
      submitLabel={t("common.create")}
      onClose={onClose}
      onSubmit={submit}
      busy={create.isPending}
      disabled={!something || !custom.complete}
      error={create.error}
      size={520}
    >
      <TextInput
        label={t("lead.title")}
        placeholder={t("lead.titleHint")}
        value={draft.title}
        data-autofocus
        onChange={(e) => change({ title: e.currentTarget.value })}
        error={faultOf(create.error, "title")}
      />
      <div style={{ display: "grid", gridTemplateColumns: "1fr 1fr", gap: 10 }}>
        <TextInput
          label={t("lead.person")}
          value={draft.person}
          onChange={(e) => change({ person: e.currentTarget.value })}
        />
        <TextInput
          label={t("company.one")}
          value={draft.company}
          onChange={(e) => change({ company: e.currentTarget.value })}
        />
        <TextInput
          label={t("field.phone")}
          type="tel"
          value={draft.phone}
          onChange={(e) => change({ phone: e.currentTarget.value })}
          error={faultOf(create.error, "number")}
        />
        <TextInput
          label={t("field.email")}
          type="email"
          value={draft.email}
          onChange={(e) => change({ email: e.currentTarget.value })}
          error={faultOf(create.error, "address")}
        />
      </div>
      <Select
        label={t("field.source")}
        data={sourceOptions()}
        value={draft.source}
        allowDeselect={false}
        onChange={(source) => change({ source: source ?? "" })}
      />
      <Textarea
        label={t("lead.request")}
        value={draft.request}
        onChange={(e) => change({ request: e.currentTarget.value })}
      />
      {custom.inputs}
      <DuplicateWarning
        kind="lead"
        draft={{
          firstName: draft.person,
          companyName: draft.company,
          phones: draft.phone ? [{ number: draft.phone }] : [],
          emails: draft.email ? [{ address: draft.email }] : [],
        }}
      />
    </Dialog>
  );
}
