import { Radio, Select, Switch, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import type { Company, Contact, DuplicateCandidate, Lead } from "../../api/model";
import { t } from "../../i18n";
import { Dialog } from "../../parts/Dialog";
import { RecordPicker } from "../../parts/fields/pickers";
import { ErrorNote, SkeletonRows } from "../../parts/notes";
import { toast } from "../../parts/toasts";
import { deals, pickPipeline, pipelinesOptions } from "../deals/queries";
import { companies, contacts, conversionOptions, useConvertLead, type ConversionChoice } from "./queries";
import classes from "./contacts.module.css";

interface Target {
  on: boolean;
  /** The record to attach to; nothing to make a new one. */
  attach: { id: string; name: string } | undefined;
}

/** What to make from a lead, with possible duplicates before anything is made (CON-4). */
export function ConvertLead({ lead, onClose }: { lead: Lead; onClose: () => void }) {
  const preview = useQuery(conversionOptions(lead.id));
  if (preview.data) {
    return <ConvertForm lead={lead} preview={preview.data} onClose={onClose} />;
  }
  return (
    <Dialog
      title={t("lead.convertTitle", { name: lead.title })}
      submitLabel={t("lead.convert")}
      onClose={onClose}
      onSubmit={() => undefined}
      disabled
      size={580}
    >
      {preview.error ? (
        <ErrorNote error={preview.error} retry={() => void preview.refetch()} />
      ) : (
        <SkeletonRows count={5} />
      )}
    </Dialog>
  );
}

interface Preview {
  contact: Contact | undefined;
  company: Company | undefined;
  candidates: DuplicateCandidate[];
}

// What surely exists already is offered first; a name alone is not sure.
function surely(preview: Preview, kind: string): Target["attach"] {
  const found = preview.candidates.find(
    (c) => c.record?.kind === kind && c.reasons.some((reason) => reason !== "MATCH_REASON_NAME"),
  );
  return found?.record ? { id: found.record.id, name: found.name } : undefined;
}

function ConvertForm({
  lead,
  preview: data,
  onClose,
}: {
  lead: Lead;
  preview: Preview;
  onClose: () => void;
}) {
  const pipelines = useQuery(pipelinesOptions).data;
  const convert = useConvertLead();
  const [contact, setContact] = useState<Target>({
    on: data.contact !== undefined,
    attach: surely(data, "contact"),
  });
  const [company, setCompany] = useState<Target>({
    on: data.company !== undefined,
    attach: surely(data, "company"),
  });
  const [deal, setDeal] = useState<Target>({ on: true, attach: undefined });
  const [dealName, setDealName] = useState(lead.title);
  const [pipelineId, setPipelineId] = useState<string>();
  const candidates = (kind: string): DuplicateCandidate[] =>
    data.candidates.filter((c) => c.record?.kind === kind);

  const submit = (): void => {
    const target = (value: Target) => (value.attach ? { attachId: value.attach.id } : {});
    const choice: ConversionChoice = {
      ...(contact.on ? { contact: target(contact) } : {}),
      ...(company.on ? { company: target(company) } : {}),
      ...(deal.on
        ? {
            deal: {
              ...target(deal),
              ...(deal.attach ? {} : { name: dealName, ...(pipelineId ? { pipelineId } : {}) }),
            },
          }
        : {}),
    };
    convert.mutate(
      { lead, choice },
      {
        onSuccess: () => {
          onClose();
          toast(t("lead.converted"), { tone: "good" });
        },
      },
    );
  };

  return (
    <Dialog
      title={t("lead.convertTitle", { name: lead.title })}
      submitLabel={t("lead.convert")}
      onClose={onClose}
      onSubmit={submit}
      busy={convert.isPending}
      disabled={!contact.on && !company.on && !deal.on}
      error={convert.error}
      size={580}
    >
      <div className={classes["targets"]}>
        <TargetBox
          label={t("contact.one")}
          target={contact}
          onToggle={(on) => setContact({ ...contact, on })}
        >
          <AttachChoice
            newLabel={t("convert.newContact", { name: data.contact?.name || t("contact.unnamed") })}
            candidates={candidates("contact")}
            target={contact}
            onChange={setContact}
            picker={
              <RecordPicker
                resource={contacts}
                hideLabel
                label={t("contact.find")}
                nameOf={(c) => c.name}
                searchIn={["name"]}
                orderBy="name"
                value={contact.attach}
                onPick={(attach) => setContact({ on: true, attach })}
              />
            }
          />
        </TargetBox>
        <TargetBox
          label={t("company.one")}
          target={company}
          onToggle={(on) => setCompany({ ...company, on })}
        >
          <AttachChoice
            newLabel={t("convert.newCompany", { name: data.company?.name || lead.companyName || "…" })}
            candidates={candidates("company")}
            target={company}
            onChange={setCompany}
            picker={
              <RecordPicker
                resource={companies}
                hideLabel
                label={t("company.find")}
                nameOf={(c) => c.name}
                searchIn={["name"]}
                orderBy="name"
                value={company.attach}
                onPick={(attach) => setCompany({ on: true, attach })}
              />
            }
          />
        </TargetBox>
        <TargetBox label={t("deal.one")} target={deal} onToggle={(on) => setDeal({ ...deal, on })}>
          <AttachChoice
            newLabel={t("convert.newDeal")}
            candidates={[]}
            target={deal}
            onChange={setDeal}
            picker={
              <RecordPicker
                resource={deals}
                hideLabel
                label={t("deal.find")}
                nameOf={(d) => d.name}
                searchIn={["name"]}
                orderBy="create_time desc"
                value={deal.attach}
                onPick={(attach) => setDeal({ on: true, attach })}
              />
            }
          />
          {!deal.attach && (
            <div
              style={{ display: "grid", gridTemplateColumns: "2fr 1fr", gap: 8, padding: "6px 0 2px 28px" }}
            >
              <TextInput
                aria-label={t("deal.name")}
                value={dealName}
                onChange={(e) => setDealName(e.currentTarget.value)}
              />
              <Select
                aria-label={t("deal.pipeline")}
                data={(pipelines ?? []).map((p) => ({ value: p.id, label: p.name }))}
                value={pipelineId ?? pickPipeline(pipelines, undefined)?.id ?? null}
                allowDeselect={false}
                onChange={(id) => setPipelineId(id ?? undefined)}
              />
            </div>
          )}
        </TargetBox>
      </div>
    </Dialog>
  );
}

function TargetBox({
  label,
  target,
  onToggle,
  children,
}: {
  label: string;
  target: Target;
  onToggle: (on: boolean) => void;
  children: ReactNode;
}) {
  return (
    <section className={classes["target"]} data-on={target.on || undefined}>
      <Switch
        label={<b>{label}</b>}
        checked={target.on}
        onChange={(e) => onToggle(e.currentTarget.checked)}
      />
      {target.on && children}
    </section>
  );
}

function AttachChoice({
  newLabel,
  candidates,
  target,
  onChange,
  picker,
}: {
  newLabel: string;
  candidates: DuplicateCandidate[];
  target: Target;
  onChange: (target: Target) => void;
  picker: ReactNode;
}) {
  const [other, setOther] = useState(false);
  const value = other ? "other" : (target.attach?.id ?? "new");
  return (
    <Radio.Group
      value={value}
      onChange={(next) => {
        setOther(next === "other");
        const candidate = candidates.find((c) => c.record?.id === next);
        onChange({
          on: true,
          attach: candidate?.record ? { id: candidate.record.id, name: candidate.name } : undefined,
        });
      }}
      aria-label={t("convert.which")}
    >
      <div className={classes["choices"]}>
        {candidates.map((candidate) => (
          <Radio
            key={candidate.record?.id}
            size="xs"
            value={candidate.record?.id ?? ""}
            label={
              <>
                {t("convert.attach", { name: candidate.name })}{" "}
                <small className="warn">
                  {candidate.reasons
                    .map((reason) => t(`convert.${reason as "MATCH_REASON_PHONE"}`))
                    .join(", ")}
                </small>
              </>
            }
          />
        ))}
        <Radio size="xs" value="new" label={newLabel} />
        <Radio size="xs" value="other" label={t("convert.other")} />
        {other && picker}
      </div>
    </Radio.Group>
  );
}
