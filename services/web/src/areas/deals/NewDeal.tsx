import { Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useMe } from "../../api/directory";
import { faultOf } from "../../api/errors";
import type { Pipeline } from "../../api/model";
import { useCreate } from "../../api/resource";
import { t } from "../../i18n";
import { Dialog } from "../../parts/Dialog";
import { useDraft } from "../../parts/draft";
import { RecordPicker } from "../../parts/fields/pickers";
import { useRequiredCustomFields } from "../../parts/fields/CustomFields";
import { parseCivil, parseDecimal } from "../../parts/format";
import { companies, contacts } from "../contacts/queries";
import { currencyCodes } from "./currencies";
import { boardKeys, deals } from "./queries";
import { useQueryClient } from "@tanstack/react-query";

interface Props {
  pipelines: Pipeline[];
  pipeline: Pipeline;
  companyId: string;
  contactId: string;
  onClose: () => void;
}

interface Named {
  id: string;
  name: string;
}

/** Makes a deal by hand. */
export function NewDeal({ pipelines, pipeline, companyId, contactId, onClose }: Props) {
  const me = useMe();
  const client = useQueryClient();
  const navigate = useNavigate();
  const create = useCreate(deals);
  const [draft, change, clear] = useDraft("deal", {
    name: "",
    amount: "",
    currency: me.settings.baseCurrency,
    close: "",
  });
  const [pipelineId, setPipelineId] = useState(pipeline.id);
  // What a link came with holds until another is picked.
  const [pickedCompany, setCompany] = useState<Named | null>();
  const [pickedContact, setContact] = useState<Named | null>();
  const givenCompany = useQuery({ ...companies.oneOptions(companyId), enabled: companyId !== "" }).data;
  const givenContact = useQuery({ ...contacts.oneOptions(contactId), enabled: contactId !== "" }).data;
  const company = (pickedCompany === undefined ? givenCompany : pickedCompany) ?? undefined;
  const contact = (pickedContact === undefined ? givenContact : pickedContact) ?? undefined;

  const amount = draft.amount.trim() ? parseDecimal(draft.amount) : "0";
  const name = draft.name.trim() || company?.name || contact?.name || "";
  const custom = useRequiredCustomFields("deal", { pipelineId });
  const submit = (): void => {
    const close = parseCivil(draft.close);
    create.mutate(
      {
        ...custom.body,
        name,
        pipelineId,
        ...(company ? { companyId: company.id } : {}),
        ...(contact ? { contactId: contact.id } : {}),
        ...(amount && amount !== "0" ? { amount: { currencyCode: draft.currency, amount } } : {}),
        ...(close ? { plannedCloseDate: close } : {}),
      },
      {
        onSuccess: (deal) => {
          clear();
          void client.invalidateQueries({ queryKey: boardKeys.all });
          void navigate({
            to: "/deals/$id",
            params: { id: deal.id },
            search: ((s: object) => ({
              ...s,
              new: undefined,
              company: undefined,
              contact: undefined,
            })) as never,
          });
        },
      },
    );
  };
  return (
    <Dialog
      title={t("deal.new")}
      submitLabel={t("common.create")}
      onClose={onClose}
      onSubmit={submit}
      busy={create.isPending}
      disabled={!name || amount === undefined || !custom.complete}
      error={create.error}
    >
      <TextInput
        label={t("deal.name")}
        placeholder={company?.name ?? ""}
        data-autofocus
        value={draft.name}
        onChange={(e) => change({ name: e.currentTarget.value })}
        error={faultOf(create.error, "name")}
      />
      <RecordPicker
        resource={companies}
        label={t("company.one")}
        nameOf={(c) => c.name}
        searchIn={["name"]}
        orderBy="name"
        value={company}
        onPick={(record) => setCompany(record ?? null)}
      />
      <RecordPicker
        resource={contacts}
        label={t("contact.one")}
        nameOf={(c) => c.name}
        hintOf={(c) => c.position}
        searchIn={["name"]}
        orderBy="name"
        value={contact}
        onPick={(record) => setContact(record ?? null)}
      />
      <div style={{ display: "grid", gridTemplateColumns: "1fr 92px 1fr", gap: 10 }}>
        <TextInput
          label={t("deal.amount")}
          inputMode="decimal"
          value={draft.amount}
          onChange={(e) => change({ amount: e.currentTarget.value })}
          error={amount === undefined ? t("field.notANumber") : faultOf(create.error, "amount")}
        />
        <Select
          label={t("deal.currency")}
          searchable
          data={currencyCodes(draft.currency)}
          value={draft.currency}
          allowDeselect={false}
          onChange={(currency) => change({ currency: currency ?? "" })}
        />
        <TextInput
          label={t("deal.plannedClose")}
          type="date"
          value={draft.close}
          onChange={(e) => change({ close: e.currentTarget.value })}
        />
      </div>
      {pipelines.length > 1 && (
        <Select
          label={t("deal.pipeline")}
          data={pipelines.map((p) => ({ value: p.id, label: p.name }))}
          value={pipelineId}
          allowDeselect={false}
          onChange={(id) => id && setPipelineId(id)}
        />
      )}
      {custom.inputs}
    </Dialog>
  );
}
