import { Button, Menu } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useCan } from "../../api/directory";
import type { Contact } from "../../api/model";
import { useRemove } from "../../api/resource";
import { t } from "../../i18n";
import { useFilesTab } from "../../parts/card/Files";
import { CardFrame, FieldGroup, RecordCard, useCardRecord } from "../../parts/card/RecordCard";
import { Timeline } from "../../parts/card/Timeline";
import { CustomFieldsGroup } from "../../parts/fields/CustomFields";
import { AddressField } from "../../parts/fields/AddressField";
import {
  ChoiceField,
  DateField,
  PlainField,
  SwitchField,
  TextBlockField,
  TextField,
} from "../../parts/fields/kinds";
import { UserField, UserName } from "../../parts/fields/pickers";
import { DoNotContact, DoNotContactField, Tags, TagsField } from "../../parts/fields/tags";
import { EmailsField, LinksField, PhonesField } from "../../parts/fields/points";
import { allOf, anyOf, partOf, splitValues, userFilter } from "../../parts/filters";
import { IconPlus, IconTrash } from "../../parts/icons";
import type { Column } from "../../parts/list/columns";
import { ListPage } from "../../parts/list/ListPage";
import { Empty, messageOf } from "../../parts/notes";
import { toast } from "../../parts/toasts";
import { useSaver } from "../../parts/useSaver";
import { When } from "../../parts/When";
import { contactTypeOptions, sourceLabel, sourceOptions, typeLabel } from "./choices";
import { CompanyName } from "./CompanyName";
import { DuplicatesBanner } from "./Duplicates";
import { NewContact } from "./NewContact";
import { OriginField } from "./OriginField";
import { ReachButtons } from "./ReachButtons";
import { companies, contacts } from "./queries";
import { pricesTab } from "./ClientPrices";
import { useClientFigures } from "./figures";
import { RelatedDeals } from "./related";

function mainCompany(contact: Contact): string {
  return (contact.employments.find((e) => e.primary) ?? contact.employments[0])?.companyId ?? "";
}

function columns(): Column<Contact>[] {
  return [
    {
      id: "name",
      title: t("contact.name"),
      min: 160,
      grow: 1.6,
      sort: "name",
      phone: "title",
      cell: (c) => (
        <>
          {c.name}
          {c.vip && <span className="warn"> ★</span>}
          {c.doNotContact.length > 0 && " "}
          <DoNotContact channels={c.doNotContact} />
        </>
      ),
    },
    {
      id: "company",
      title: t("company.one"),
      min: 130,
      grow: 1.4,
      drop: 2,
      phone: "sub",
      cell: (c) => <CompanyName id={mainCompany(c)} />,
    },
    {
      id: "position",
      title: t("contact.position"),
      min: 120,
      grow: 1,
      drop: 4,
      phone: "sub",
      cell: (c) => c.position,
    },
    {
      id: "phone",
      title: t("field.phone"),
      min: 124,
      grow: 0.8,
      drop: 1,
      phone: "side",
      cell: (c) => c.phones[0]?.number ?? "",
    },
    {
      id: "email",
      title: t("field.email"),
      min: 170,
      grow: 1.4,
      drop: 3,
      cell: (c) => c.emails[0]?.address ?? "",
    },
    { id: "type", title: t("company.type"), min: 70, grow: 0.4, drop: 6, cell: (c) => typeLabel(c.type) },
    {
      id: "responsible",
      title: t("field.responsible"),
      min: 120,
      grow: 0.9,
      drop: 5,
      phone: "subside",
      cell: (c) => <UserName id={c.responsibleId} />,
    },
    {
      id: "created",
      title: t("field.created"),
      min: 92,
      grow: 0,
      drop: 7,
      right: true,
      sort: "create_time",
      cell: (c) => <When at={c.createTime} />,
    },
  ];
}

/** The list of persons. */
export function ContactsPage() {
  const [adding, setAdding] = useState(false);
  const mayCreate = useCan("contact", "create");
  const filters = useMemo(
    () => [
      { id: "responsible", label: t("field.responsible"), kind: "users" as const },
      { id: "type", label: t("company.type"), kind: "choice" as const, options: contactTypeOptions() },
      { id: "vip", label: t("contact.vip"), kind: "flag" as const },
      { id: "source", label: t("field.source"), kind: "choice" as const, options: sourceOptions() },
    ],
    [],
  );
  return (
    <>
      <ListPage
        resource={contacts}
        title={t("contact.many")}
        path="/contacts"
        columns={columns}
        filters={filters}
        defaultSort="name"
        toFilter={(values, me) =>
          allOf(
            partOf(["name"], values["q"] ?? ""),
            userFilter("responsible_id", values["responsible"], me.user.id),
            anyOf("type", splitValues(values["type"])),
            anyOf("source", splitValues(values["source"])),
            values["vip"] && "vip = true",
          )
        }
        newLabel={t("contact.new")}
        onNew={mayCreate ? () => setAdding(true) : undefined}
        empty={
          <Empty
            title={t("contact.emptyTitle")}
            action={
              <span style={{ display: "flex", gap: 8 }}>
                {mayCreate && <Button onClick={() => setAdding(true)}>{t("contact.new")}</Button>}
                <Button component={Link} to="/settings/import" variant="default">
                  {t("import.go")}
                </Button>
              </span>
            }
          >
            {t("contact.emptyText")}
          </Empty>
        }
      />
      {adding && <NewContact onClose={() => setAdding(false)} />}
    </>
  );
}

/** One person. */
export function ContactCard() {
  const contact = useCardRecord(contacts);
  return (
    <CardFrame label={t("contact.one")} error={contact.data ? undefined : contact.error}>
      {contact.data && <ContactBody key={contact.data.id} contact={contact.data} />}
    </CardFrame>
  );
}

function ContactBody({ contact }: { contact: Contact }) {
  const save = useSaver(contacts, contact);
  const ro = !useCan("contact", "update") || contact.deleteTime !== undefined;
  const files = useFilesTab({ kind: "contact", id: contact.id }, !ro);
  const mayDelete = useCan("contact", "delete");
  const mayDeal = useCan("deal", "create");
  const navigate = useNavigate();
  const { remove, restore } = useRemove(contacts);
  const figures = useClientFigures({ contactId: contact.id }, contact);
  const employers = useQueries({
    queries: contact.employments.map((e) => companies.oneOptions(e.companyId)),
    combine: (results) =>
      new Map(results.flatMap((r) => (r.data ? [[r.data.id, r.data.name] as const] : []))),
  });
  const bin = (): void =>
    remove.mutate(contact, {
      onSuccess: () => {
        void navigate({ to: "/contacts", search: ((s: object) => s) as never });
        toast(t("record.deleted", { name: contact.name }), { undo: () => restore.mutate(contact.id) });
      },
      onError: (error) => toast(messageOf(error), { tone: "bad" }),
    });
  return (
    <RecordCard
      kind={t("contact.one")}
      title={contact.name || t("contact.unnamed")}
      subtitle={
        <>
          {contact.position}
          {contact.position && mainCompany(contact) && " · "}
          <CompanyName id={mainCompany(contact)} link /> <Tags tags={contact.tags} />{" "}
          <DoNotContact channels={contact.doNotContact} />
        </>
      }
      facts={figures}
      actions={
        <>
          <ReachButtons record={contact} />
          {mayDeal && (
            <Button
              variant="default"
              leftSection={<IconPlus size={14} />}
              onClick={() =>
                void navigate({
                  to: "/deals",
                  search: {
                    new: "1",
                    contact: contact.id,
                    company: mainCompany(contact) || undefined,
                  } as never,
                })
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
        !contact.deleteTime ? (
          <DuplicatesBanner kind="contact" id={contact.id} name={contact.name} />
        ) : (
          <div style={{ padding: "0 16px 8px" }} className="bad">
            {t("record.inBin")}{" "}
            <Button size="compact-xs" variant="default" onClick={() => restore.mutate(contact.id)}>
              {t("action.restore")}
            </Button>
          </div>
        )
      }
      fields={
        <>
          <FieldGroup>
            <TextField
              label={t("contact.firstName")}
              name="first_name"
              value={contact.firstName}
              readOnly={ro}
              onSave={(v) => save("firstName", v, t("contact.firstName"))}
            />
            <TextField
              label={t("contact.lastName")}
              name="last_name"
              value={contact.lastName}
              readOnly={ro}
              onSave={(v) => save("lastName", v, t("contact.lastName"))}
            />
            <TextField
              label={t("contact.position")}
              name="position"
              value={contact.position}
              readOnly={ro}
              onSave={(v) => save("position", v, t("contact.position"))}
            />
            <PlainField label={t("contact.companies")}>
              {contact.employments.map((e, i) => (
                <span key={e.companyId}>
                  {i > 0 && ", "}
                  <CompanyName id={e.companyId} link />
                  {e.role && <span className="muted"> ({e.role})</span>}
                </span>
              ))}
            </PlainField>
            <PhonesField
              value={contact.phones}
              readOnly={ro}
              onSave={(v) => save("phones", v, t("field.phones"))}
            />
            <EmailsField
              value={contact.emails}
              readOnly={ro}
              onSave={(v) => save("emails", v, t("field.emails"))}
            />
            <LinksField
              value={contact.links}
              readOnly={ro}
              onSave={(v) => save("links", v, t("field.links"))}
            />
            <AddressField
              label={t("field.address")}
              name="addresses"
              value={contact.addresses[0]}
              readOnly={ro}
              onSave={(v) => save("addresses", [v, ...contact.addresses.slice(1)], t("field.address"))}
            />
          </FieldGroup>
          <CustomFieldsGroup resource={contacts} record={contact} readOnly={ro} />
          <FieldGroup title={t("contact.about")}>
            <ChoiceField
              label={t("company.type")}
              name="type"
              value={contact.type}
              options={contactTypeOptions()}
              readOnly={ro}
              onSave={(v) => save("type", v, t("company.type"))}
            />
            <UserField
              label={t("field.responsible")}
              name="responsible_id"
              value={contact.responsibleId}
              readOnly={ro}
              onSave={(v) => save("responsibleId", v, t("field.responsible"))}
            />
            <DateField
              label={t("contact.birthday")}
              name="birthday"
              value={contact.birthday}
              readOnly={ro}
              onSave={(v) => save("birthday", v as never, t("contact.birthday"))}
            />
            <SwitchField
              label={t("contact.vip")}
              value={contact.vip}
              readOnly={ro}
              onSave={(v) => save("vip", v, t("contact.vip"))}
            />
            <TextField
              label={t("contact.language")}
              name="language"
              value={contact.language}
              readOnly={ro}
              onSave={(v) => save("language", v, t("contact.language"))}
            />
            <ChoiceField
              label={t("field.source")}
              name="source"
              value={contact.source}
              options={sourceOptions()}
              show={sourceLabel(contact.source)}
              readOnly={ro}
              onSave={(v) => save("source", v, t("field.source"))}
            />
            <TagsField
              kind="contact"
              value={contact.tags}
              readOnly={ro}
              onSave={(v) => save("tags", v, t("field.tags"))}
            />
            <DoNotContactField
              value={contact.doNotContact}
              readOnly={ro}
              onSave={(v) => save("doNotContact", v as never, t("field.doNotContact"))}
            />
            <OriginField origin={contact.origin} />
            <PlainField label={t("field.created")}>
              <When at={contact.createTime} />
            </PlainField>
          </FieldGroup>
          <FieldGroup>
            <TextBlockField
              label={t("field.comment")}
              name="comment"
              value={contact.comment}
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
          content: <Timeline resource={contacts} id={contact.id} nameOf={(id) => employers.get(id)} />,
        },
        {
          id: "deals",
          label: t("deal.many"),
          content: (
            <RelatedDeals filter={anyOf("contact_id", [contact.id])} search={{ contact: contact.id }} />
          ),
        },
        pricesTab({ contactId: contact.id }),
        files,
      ]}
    />
  );
}
