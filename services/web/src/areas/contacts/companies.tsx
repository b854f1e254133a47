import { Button, Menu, Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { faultOf } from "../../api/errors";
import { useCan, useMe } from "../../api/directory";
import type { Company } from "../../api/model";
import { useCreate, useRemove } from "../../api/resource";
import { t } from "../../i18n";
import { useFilesTab } from "../../parts/card/Files";
import { CardFrame, FieldGroup, RecordCard, useCardRecord } from "../../parts/card/RecordCard";
import { Timeline } from "../../parts/card/Timeline";
import { Dialog } from "../../parts/Dialog";
import { useDraft } from "../../parts/draft";
import { CustomFieldsGroup, useRequiredCustomFields } from "../../parts/fields/CustomFields";
import { AddressField } from "../../parts/fields/AddressField";
import {
  ChoiceField,
  MoneyField,
  NumberField,
  PlainField,
  SwitchField,
  TextBlockField,
  TextField,
} from "../../parts/fields/kinds";
import { UserField, UserName } from "../../parts/fields/pickers";
import { DoNotContact, DoNotContactField, Tags, TagsField } from "../../parts/fields/tags";
import { EmailsField, LinksField, PhonesField } from "../../parts/fields/points";
import { RecordField } from "../../parts/fields/RecordField";
import { allOf, anyOf, partOf, splitValues, userFilter } from "../../parts/filters";
import { formatNumber } from "../../parts/format";
import { IconPlus, IconTrash } from "../../parts/icons";
import type { Column } from "../../parts/list/columns";
import { ListPage } from "../../parts/list/ListPage";
import { Money } from "../../parts/Money";
import { Empty, messageOf } from "../../parts/notes";
import { pricesTab } from "./ClientPrices";
import { useClientFigures } from "./figures";
import { RelatedDeals } from "./related";
import { toast } from "../../parts/toasts";
import { useSaver } from "../../parts/useSaver";
import { When } from "../../parts/When";
import { companyTypeOptions, sourceLabel, sourceOptions, typeLabel } from "./choices";
import { ContactsOfCompany } from "./ContactsOfCompany";
import { DuplicatesBanner, DuplicateWarning } from "./Duplicates";
import { companies } from "./queries";
import { OriginField } from "./OriginField";
import { ReachButtons } from "./ReachButtons";
import { requisitesTab } from "./Requisites";

function columns(): Column<Company>[] {
  return [
    {
      id: "name",
      title: t("company.name"),
      min: 180,
      grow: 2.4,
      sort: "name",
      phone: "title",
      cell: (c) => (
        <>
          {c.name} <DoNotContact channels={c.doNotContact} />
        </>
      ),
    },
    {
      id: "type",
      title: t("company.type"),
      min: 80,
      grow: 0.6,
      drop: 4,
      phone: "sub",
      cell: (c) => typeLabel(c.type),
    },
    {
      id: "industry",
      title: t("company.industry"),
      min: 110,
      grow: 1,
      drop: 3,
      sort: "industry",
      phone: "sub",
      cell: (c) => c.industry,
    },
    {
      id: "employees",
      title: t("company.employees"),
      min: 82,
      grow: 0,
      drop: 5,
      right: true,
      sort: "employees",
      cell: (c) => (c.employees ? formatNumber(c.employees) : ""),
    },
    {
      id: "turnover",
      title: t("company.turnover"),
      min: 96,
      grow: 0,
      drop: 2,
      right: true,
      phone: "side",
      cell: (c) => <Money value={c.annualTurnover} short />,
    },
    {
      id: "country",
      title: t("company.country"),
      min: 100,
      grow: 0.8,
      drop: 6,
      cell: (c) => c.addresses[0]?.country ?? "",
    },
    {
      id: "phone",
      title: t("field.phone"),
      min: 120,
      grow: 0.8,
      drop: 7,
      cell: (c) => c.phones[0]?.number ?? "",
    },
    {
      id: "email",
      title: t("field.email"),
      min: 150,
      grow: 1,
      optional: true,
      drop: 8,
      cell: (c) => c.emails[0]?.address ?? "",
    },
    {
      id: "responsible",
      title: t("field.responsible"),
      min: 120,
      grow: 1,
      drop: 1,
      phone: "subside",
      cell: (c) => <UserName id={c.responsibleId} />,
    },
    {
      id: "created",
      title: t("field.created"),
      min: 92,
      grow: 0,
      drop: 9,
      right: true,
      sort: "create_time",
      cell: (c) => <When at={c.createTime} />,
    },
  ];
}

/** The list of companies. */
export function CompaniesPage() {
  const [adding, setAdding] = useState(false);
  const mayCreate = useCan("company", "create");
  const filters = useMemo(
    () => [
      { id: "responsible", label: t("field.responsible"), kind: "users" as const },
      { id: "type", label: t("company.type"), kind: "choice" as const, options: companyTypeOptions() },
      { id: "industry", label: t("company.industry"), kind: "text" as const },
      { id: "source", label: t("field.source"), kind: "choice" as const, options: sourceOptions() },
      { id: "ids", label: t("filter.fromReport"), kind: "flag" as const },
    ],
    [],
  );
  return (
    <>
      <ListPage
        resource={companies}
        title={t("company.many")}
        path="/companies"
        columns={columns}
        filters={filters}
        defaultSort="name"
        toFilter={(values, me) =>
          allOf(
            partOf(["name"], values["q"] ?? ""),
            userFilter("responsible_id", values["responsible"], me.user.id),
            anyOf("type", splitValues(values["type"])),
            anyOf("source", splitValues(values["source"])),
            values["industry"] && partOf(["industry"], values["industry"]),
            values["ids"],
          )
        }
        newLabel={t("company.new")}
        onNew={mayCreate ? () => setAdding(true) : undefined}
        empty={
          <Empty
            title={t("company.emptyTitle")}
            action={
              <span style={{ display: "flex", gap: 8 }}>
                {mayCreate && <Button onClick={() => setAdding(true)}>{t("company.new")}</Button>}
                <Button component={Link} to="/settings/import" variant="default">
                  {t("import.go")}
                </Button>
              </span>
            }
          >
            {t("company.emptyText")}
          </Empty>
        }
      />
      {adding && <NewCompany onClose={() => setAdding(false)} />}
    </>
  );
}

function NewCompany({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const create = useCreate(companies);
  const [draft, change, clear] = useDraft("company", { name: "", type: "client", phone: "", email: "" });
  const custom = useRequiredCustomFields("company", { type: draft.type });
  const submit = (): void =>
    create.mutate(
      {
        ...custom.body,
        name: draft.name.trim(),
        type: draft.type,
        ...(draft.phone ? { phones: [{ number: draft.phone, kind: "work", primary: true, e164: "" }] } : {}),
        ...(draft.email
          ? { emails: [{ address: draft.email, kind: "work", primary: true, normalized: "" }] }
          : {}),
      },
      {
        onSuccess: (company) => {
          clear();
          onClose();
          void navigate({
            to: "/companies/$id",
            params: { id: company.id },
            search: ((s: object) => s) as never,
          });
        },
      },
    );
  return (
    <Dialog
      title={t("company.new")}
      submitLabel={t("common.create")}
      onClose={onClose}
      onSubmit={submit}
      busy={create.isPending}
      disabled={!draft.name.trim() || !custom.complete}
      error={create.error}
    >
      <TextInput
        label={t("company.name")}
        value={draft.name}
        data-autofocus
        onChange={(e) => change({ name: e.currentTarget.value })}
        error={faultOf(create.error, "name")}
      />
      <Select
        label={t("company.type")}
        data={companyTypeOptions()}
        value={draft.type}
        allowDeselect={false}
        onChange={(type) => change({ type: type ?? "" })}
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
      {custom.inputs}
      <DuplicateWarning
        kind="company"
        draft={{
          name: draft.name,
          phones: draft.phone ? [{ number: draft.phone }] : [],
          emails: draft.email ? [{ address: draft.email }] : [],
        }}
      />
    </Dialog>
  );
}

/** One company. */
export function CompanyCard() {
  const company = useCardRecord(companies);
  return (
    <CardFrame label={t("company.one")} error={company.data ? undefined : company.error}>
      {company.data && <CompanyBody key={company.data.id} company={company.data} />}
    </CardFrame>
  );
}

function CompanyBody({ company }: { company: Company }) {
  const me = useMe();
  const save = useSaver(companies, company);
  const mayUpdate = useCan("company", "update");
  const mayDelete = useCan("company", "delete");
  const mayDeal = useCan("deal", "create");
  const navigate = useNavigate();
  const { remove, restore } = useRemove(companies);
  const parent = useQuery({ ...companies.oneOptions(company.parentId), enabled: company.parentId !== "" });
  const children = useQuery(
    companies.fewOptions({ filter: anyOf("parent_id", [company.id]), orderBy: "name" }),
  );
  const figures = useClientFigures({ companyId: company.id }, company);
  const ro = !mayUpdate || company.deleteTime !== undefined;
  const files = useFilesTab({ kind: "company", id: company.id }, !ro);

  const bin = (): void =>
    remove.mutate(company, {
      onSuccess: () => {
        void navigate({ to: "/companies", search: ((s: object) => s) as never });
        toast(t("record.deleted", { name: company.name }), { undo: () => restore.mutate(company.id) });
      },
      onError: (error) => toast(messageOf(error), { tone: "bad" }),
    });

  return (
    <RecordCard
      kind={t("company.one")}
      title={company.name}
      subtitle={
        <>
          {[typeLabel(company.type), company.industry].filter(Boolean).join(" · ")}{" "}
          <Tags tags={company.tags} /> <DoNotContact channels={company.doNotContact} />
        </>
      }
      facts={figures}
      actions={
        <>
          <ReachButtons record={company} />
          {mayDeal && (
            <Button
              variant="default"
              leftSection={<IconPlus size={14} />}
              onClick={() =>
                void navigate({ to: "/deals", search: { new: "1", company: company.id } as never })
              }
            >
              {t("deal.one")}
            </Button>
          )}
        </>
      }
      menu={
        mayDelete && (
          <Menu.Item leftSection={<IconTrash size={14} />} onClick={bin}>
            {t("action.delete")}
          </Menu.Item>
        )
      }
      banner={
        !company.deleteTime ? (
          <DuplicatesBanner kind="company" id={company.id} name={company.name} />
        ) : (
          <div style={{ padding: "0 16px 8px" }} className="bad">
            {t("record.inBin")}{" "}
            <Button size="compact-xs" variant="default" onClick={() => restore.mutate(company.id)}>
              {t("action.restore")}
            </Button>
          </div>
        )
      }
      fields={
        <>
          <FieldGroup>
            <TextField
              label={t("company.name")}
              name="name"
              value={company.name}
              readOnly={ro}
              onSave={(v) => save("name", v, t("company.name"))}
            />
            <TextField
              label={t("company.legalName")}
              name="legal_name"
              value={company.legalName}
              readOnly={ro}
              onSave={(v) => save("legalName", v, t("company.legalName"))}
            />
            <ChoiceField
              label={t("company.type")}
              name="type"
              value={company.type}
              options={companyTypeOptions()}
              readOnly={ro}
              onSave={(v) => save("type", v, t("company.type"))}
            />
            <UserField
              label={t("field.responsible")}
              name="responsible_id"
              value={company.responsibleId}
              readOnly={ro}
              onSave={(v) => save("responsibleId", v, t("field.responsible"))}
            />
            <PhonesField
              value={company.phones}
              readOnly={ro}
              onSave={(v) => save("phones", v, t("field.phones"))}
            />
            <EmailsField
              value={company.emails}
              readOnly={ro}
              onSave={(v) => save("emails", v, t("field.emails"))}
            />
            <LinksField
              value={company.links}
              readOnly={ro}
              onSave={(v) => save("links", v, t("field.links"))}
            />
            <AddressField
              label={t("field.address")}
              name="addresses"
              value={company.addresses[0]}
              readOnly={ro}
              onSave={(v) => save("addresses", [v, ...company.addresses.slice(1)], t("field.address"))}
            />
          </FieldGroup>
          <CustomFieldsGroup resource={companies} record={company} readOnly={ro} />
          <FieldGroup title={t("company.about")}>
            <TextField
              label={t("company.industry")}
              name="industry"
              value={company.industry}
              readOnly={ro}
              onSave={(v) => save("industry", v, t("company.industry"))}
            />
            <NumberField
              label={t("company.employees")}
              name="employees"
              value={company.employees}
              readOnly={ro}
              onSave={(v) => save("employees", v, t("company.employees"))}
            />
            <MoneyField
              label={t("company.turnover")}
              name="annual_turnover"
              value={company.annualTurnover}
              currency={me.settings.baseCurrency}
              readOnly={ro}
              onSave={(v) => save("annualTurnover", v as never, t("company.turnover"))}
            />
            <RecordField
              label={t("company.parent")}
              name="parent_id"
              resource={companies}
              nameOf={(c) => c.name}
              searchIn={["name"]}
              orderBy="name"
              readOnly={ro}
              value={company.parentId ? { id: company.parentId, name: parent.data?.name ?? "…" } : undefined}
              show={
                company.parentId && (
                  <Link to="/companies/$id" params={{ id: company.parentId }}>
                    {parent.data?.name ?? "…"}
                  </Link>
                )
              }
              onSave={(v) => save("parentId", v, t("company.parent"))}
            />
            {(children.data?.items.length ?? 0) > 0 && (
              <PlainField label={t("company.children")}>
                {children.data?.items.map((child, i) => (
                  <span key={child.id}>
                    {i > 0 && ", "}
                    <Link to="/companies/$id" params={{ id: child.id }}>
                      {child.name}
                    </Link>
                  </span>
                ))}
              </PlainField>
            )}
            <ChoiceField
              label={t("field.source")}
              name="source"
              value={company.source}
              options={sourceOptions()}
              show={sourceLabel(company.source)}
              readOnly={ro}
              onSave={(v) => save("source", v, t("field.source"))}
            />
            <SwitchField
              label={t("field.everyone")}
              value={company.availableToEveryone}
              readOnly={ro}
              onSave={(v) => save("availableToEveryone", v, t("field.everyone"))}
            />
            <TagsField
              kind="company"
              value={company.tags}
              readOnly={ro}
              onSave={(v) => save("tags", v, t("field.tags"))}
            />
            <DoNotContactField
              value={company.doNotContact}
              readOnly={ro}
              onSave={(v) => save("doNotContact", v as never, t("field.doNotContact"))}
            />
            <OriginField origin={company.origin} />
            <PlainField label={t("field.created")}>
              <When at={company.createTime} />
            </PlainField>
          </FieldGroup>
          <FieldGroup>
            <TextBlockField
              label={t("field.comment")}
              name="comment"
              value={company.comment}
              readOnly={ro}
              onSave={(v) => save("comment", v, t("field.comment"))}
            />
          </FieldGroup>
        </>
      }
      tabs={[
        {
          id: "history",
          label: t("card.timeline"),
          content: (
            <Timeline
              resource={companies}
              id={company.id}
              nameOf={(id) => (id === company.parentId ? parent.data?.name : undefined)}
            />
          ),
        },
        {
          id: "deals",
          label: t("deal.many"),
          content: (
            <RelatedDeals filter={anyOf("company_id", [company.id])} search={{ company: company.id }} />
          ),
        },
        pricesTab({ companyId: company.id }),
        { id: "contacts", label: t("contact.many"), content: <ContactsOfCompany company={company} /> },
        requisitesTab(company, ro),
        files,
      ]}
    />
  );
}
