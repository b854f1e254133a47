import { Button, Menu } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useCan, useMe } from "../../api/directory";
import type { Lead, LeadStatus } from "../../api/model";
import { useRemove } from "../../api/resource";
import { t } from "../../i18n";
import { useFilesTab } from "../../parts/card/Files";
import { CardFrame, FieldGroup, RecordCard, useCardRecord } from "../../parts/card/RecordCard";
import { Timeline } from "../../parts/card/Timeline";
import { CustomFieldsGroup } from "../../parts/fields/CustomFields";
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
import { UserField } from "../../parts/fields/pickers";
import { DoNotContact, DoNotContactField, Tags, TagsField } from "../../parts/fields/tags";
import { EmailsField, LinksField, PhonesField } from "../../parts/fields/points";
import { formatNumber } from "../../parts/format";
import { IconCheck, IconTrash } from "../../parts/icons";
import { Money } from "../../parts/Money";
import { Empty, messageOf } from "../../parts/notes";
import { toast } from "../../parts/toasts";
import { useSaver } from "../../parts/useSaver";
import { When } from "../../parts/When";
import { deals } from "../deals/queries";
import { sourceLabel, sourceOptions } from "./choices";
import { CompanyName } from "./CompanyName";
import { ConvertLead } from "./ConvertLead";
import { DuplicatesBanner } from "./Duplicates";
import { leadPerson } from "./leads";
import { OriginField } from "./OriginField";
import { ReachButtons } from "./ReachButtons";
import { contacts, leads, leadStatusesOptions, useMoveLead } from "./queries";
import classes from "./contacts.module.css";

/** One lead. */
export function LeadCard() {
  const lead = useCardRecord(leads);
  return (
    <CardFrame label={t("lead.one")} error={lead.data ? undefined : lead.error}>
      {lead.data && <LeadBody key={lead.data.id} lead={lead.data} />}
    </CardFrame>
  );
}

function LeadBody({ lead }: { lead: Lead }) {
  const me = useMe();
  const navigate = useNavigate();
  const save = useSaver(leads, lead);
  const statuses = useQuery(leadStatusesOptions).data ?? [];
  const [converting, setConverting] = useState(false);
  const { remove, restore } = useRemove(leads);
  const mayDelete = useCan("lead", "delete");
  const ro = !useCan("lead", "update") || lead.deleteTime !== undefined;
  const files = useFilesTab({ kind: "lead", id: lead.id }, !ro);
  const statusNames = new Map(statuses.map((s) => [s.id, s.name]));
  const bin = (): void =>
    remove.mutate(lead, {
      onSuccess: () => {
        void navigate({ to: "/leads", search: ((s: object) => s) as never });
        toast(t("record.deleted", { name: lead.title }), { undo: () => restore.mutate(lead.id) });
      },
      onError: (error) => toast(messageOf(error), { tone: "bad" }),
    });
  return (
    <>
      <RecordCard
        kind={t("lead.one")}
        title={lead.title}
        subtitle={
          <>
            {[leadPerson(lead), lead.companyName].filter(Boolean).join(" · ")} <Tags tags={lead.tags} />{" "}
            <DoNotContact channels={lead.doNotContact} />
          </>
        }
        facts={[
          { label: t("field.created"), value: <When at={lead.createTime} /> },
          { label: t("field.source"), value: sourceLabel(lead.source) },
          { label: t("lead.amount"), value: lead.amount && <Money value={lead.amount} /> },
          lead.overdueSince
            ? { label: t("lead.overdueSince"), value: <When at={lead.overdueSince} />, tone: "bad" as const }
            : {
                label: t("lead.touched"),
                value: lead.touchTime ? <When at={lead.touchTime} /> : t("lead.untouched"),
              },
        ]}
        actions={
          <>
            {!lead.conversion && !ro && (
              <Button leftSection={<IconCheck size={14} />} onClick={() => setConverting(true)}>
                {t("lead.convert")}
              </Button>
            )}
            <ReachButtons record={lead} />
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
          <>
            <DuplicatesBanner kind="lead" id={lead.id} name={lead.title} />
            {lead.conversion ? (
              <ConvertedInto lead={lead} retry={() => setConverting(true)} />
            ) : (
              <Statuses lead={lead} statuses={statuses} readOnly={ro} />
            )}
          </>
        }
        fields={
          <>
            {lead.request && <blockquote className={classes["request"]}>{lead.request}</blockquote>}
            <FieldGroup>
              <TextField
                label={t("lead.title")}
                name="title"
                value={lead.title}
                readOnly={ro}
                onSave={(v) => save("title", v, t("lead.title"))}
              />
              <TextField
                label={t("contact.firstName")}
                name="first_name"
                value={lead.firstName}
                readOnly={ro}
                onSave={(v) => save("firstName", v, t("contact.firstName"))}
              />
              <TextField
                label={t("contact.lastName")}
                name="last_name"
                value={lead.lastName}
                readOnly={ro}
                onSave={(v) => save("lastName", v, t("contact.lastName"))}
              />
              <TextField
                label={t("contact.position")}
                name="position"
                value={lead.position}
                readOnly={ro}
                onSave={(v) => save("position", v, t("contact.position"))}
              />
              <TextField
                label={t("company.one")}
                name="company_name"
                value={lead.companyName}
                readOnly={ro}
                onSave={(v) => save("companyName", v, t("company.one"))}
              />
              <PhonesField
                value={lead.phones}
                readOnly={ro}
                onSave={(v) => save("phones", v, t("field.phones"))}
              />
              <EmailsField
                value={lead.emails}
                readOnly={ro}
                onSave={(v) => save("emails", v, t("field.emails"))}
              />
              <LinksField
                value={lead.links}
                readOnly={ro}
                onSave={(v) => save("links", v, t("field.links"))}
              />
              <AddressField
                label={t("field.address")}
                name="address"
                value={lead.address}
                readOnly={ro}
                onSave={(v) => save("address", v as never, t("field.address"))}
              />
            </FieldGroup>
            <CustomFieldsGroup resource={leads} record={lead} readOnly={ro} />
            <FieldGroup title={t("lead.about")}>
              <UserField
                label={t("field.responsible")}
                name="responsible_id"
                value={lead.responsibleId}
                readOnly={ro}
                onSave={(v) => save("responsibleId", v, t("field.responsible"))}
              />
              <MoneyField
                label={t("lead.amount")}
                name="amount"
                value={lead.amount}
                currency={me.settings.baseCurrency}
                readOnly={ro}
                onSave={(v) => save("amount", v as never, t("lead.amount"))}
              />
              <ChoiceField
                label={t("field.source")}
                name="source"
                value={lead.source}
                options={sourceOptions()}
                show={sourceLabel(lead.source)}
                readOnly={ro}
                onSave={(v) => save("source", v, t("field.source"))}
              />
              {lead.utm?.campaign && (
                <PlainField label={t("lead.campaign")}>
                  {[lead.utm.source, lead.utm.medium, lead.utm.campaign].filter(Boolean).join(" / ")}
                </PlainField>
              )}
              {lead.referrer && <PlainField label={t("lead.referrer")}>{lead.referrer}</PlainField>}
              <SwitchField
                label={t("field.everyone")}
                value={lead.availableToEveryone}
                readOnly={ro}
                onSave={(v) => save("availableToEveryone", v, t("field.everyone"))}
              />
              <NumberField
                label={t("lead.importance")}
                name="importance"
                value={lead.importance}
                max={5}
                readOnly={ro}
                onSave={(v) => save("importance", v, t("lead.importance"))}
              />
              {lead.junkReason && <PlainField label={t("screening.reason")}>{lead.junkReason}</PlainField>}
              <TagsField
                kind="lead"
                value={lead.tags}
                readOnly={ro}
                onSave={(v) => save("tags", v, t("field.tags"))}
              />
              <DoNotContactField
                value={lead.doNotContact}
                readOnly={ro}
                onSave={(v) => save("doNotContact", v as never, t("field.doNotContact"))}
              />
              <OriginField origin={lead.origin} />
            </FieldGroup>
            <FieldGroup>
              <TextBlockField
                label={t("field.comment")}
                name="comment"
                value={lead.comment}
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
            content: <Timeline resource={leads} id={lead.id} nameOf={(id) => statusNames.get(id)} />,
          },
          {
            id: "products",
            label: t("product.many"),
            count: lead.products.length,
            content: <LeadProducts lead={lead} />,
          },
          files,
        ]}
      />
      {converting && <ConvertLead lead={lead} onClose={() => setConverting(false)} />}
    </>
  );
}

function Statuses({ lead, statuses, readOnly }: { lead: Lead; statuses: LeadStatus[]; readOnly: boolean }) {
  const move = useMoveLead();
  const shown = statuses.filter(
    (s) => s.kind !== "LEAD_STATUS_KIND_CONVERTED" && (!s.retired || s.id === lead.statusId),
  );
  return (
    <div className={classes["statuses"]} role="group" aria-label={t("lead.status")}>
      {shown.map((status) => (
        <button
          key={status.id}
          type="button"
          aria-pressed={status.id === lead.statusId}
          disabled={readOnly}
          onClick={() =>
            status.id !== lead.statusId &&
            move.mutate(
              { lead, statusId: status.id },
              { onError: (error) => toast(messageOf(error), { tone: "bad" }) },
            )
          }
        >
          {status.name}
        </button>
      ))}
    </div>
  );
}

function ConvertedInto({ lead, retry }: { lead: Lead; retry: () => void }) {
  const made = lead.conversion;
  const contact = useQuery({
    ...contacts.oneOptions(made?.contactId ?? ""),
    enabled: Boolean(made?.contactId),
  });
  const deal = useQuery({
    ...deals.oneOptions(made?.dealId ?? ""),
    enabled: Boolean(made?.dealId) && made?.dealState !== "DEAL_STATE_REFUSED",
    // The deal is made by a job a moment after the lead is converted.
    retry: 5,
    retryDelay: 600,
  });
  if (!made) {
    return null;
  }
  return (
    <div style={{ padding: "0 16px 10px" }}>
      <span className="good">{t("lead.convertedInto")}</span>{" "}
      {made.contactId && (
        <Link to="/contacts/$id" params={{ id: made.contactId }}>
          {contact.data?.name ?? t("contact.one")}
        </Link>
      )}
      {made.contactId && made.companyId && " · "}
      {made.companyId && <CompanyName id={made.companyId} link />}
      {made.dealId && made.dealState !== "DEAL_STATE_REFUSED" && (
        <>
          {(made.contactId || made.companyId) && " · "}
          <Link to="/deals/$id" params={{ id: made.dealId }}>
            {deal.data?.name ?? t("deal.one")}
          </Link>
          {made.dealState === "DEAL_STATE_PENDING" && !deal.data && (
            <span className="muted"> {t("lead.dealPending")}</span>
          )}
        </>
      )}
      {made.dealState === "DEAL_STATE_REFUSED" && (
        <div className="bad" role="alert">
          {t("lead.dealRefused", { reason: made.dealError })}{" "}
          <Button size="compact-xs" variant="default" onClick={retry}>
            {t("common.retry")}
          </Button>
        </div>
      )}
    </div>
  );
}

function LeadProducts({ lead }: { lead: Lead }) {
  if (lead.products.length === 0) {
    return <Empty title={t("lead.noProducts")} />;
  }
  return (
    <ul className={classes["people"]}>
      {lead.products.map((product, i) => (
        <li key={i}>
          <span>{product.name}</span>
          <span className="num">{formatNumber(product.quantity || "1")}</span>
          <Money value={product.price} />
        </li>
      ))}
    </ul>
  );
}
