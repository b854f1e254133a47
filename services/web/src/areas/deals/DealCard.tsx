import { Button, Menu } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useCan, useMe } from "../../api/directory";
import type { Deal, Pipeline, Stage } from "../../api/model";
import { useRemove } from "../../api/resource";
import { t } from "../../i18n";
import { useFilesTab } from "../../parts/card/Files";
import { CardFrame, FieldGroup, RecordCard, useCardRecord } from "../../parts/card/RecordCard";
import { Timeline } from "../../parts/card/Timeline";
import { CustomFieldsGroup } from "../../parts/fields/CustomFields";
import {
  ChoiceField,
  DateField,
  MoneyField,
  NumberField,
  PlainField,
  SwitchField,
  TextBlockField,
  TextField,
} from "../../parts/fields/kinds";
import { UserField } from "../../parts/fields/pickers";
import { RecordField } from "../../parts/fields/RecordField";
import { formatCivil, formatDuration, formatInstant, formatMoney, formatNumber } from "../../parts/format";
import { IconTrash, IconTrophy, IconX } from "../../parts/icons";
import { Empty, ErrorNote, messageOf, SkeletonRows } from "../../parts/notes";
import { toast } from "../../parts/toasts";
import { useSaver } from "../../parts/useSaver";
import { Day, useMinute, When } from "../../parts/When";
import { sourceOptions } from "../contacts/choices";
import { OriginField } from "../contacts/OriginField";
import { companies, contacts } from "../contacts/queries";
import { LinesEditor } from "./LinesEditor";
import { LoseDialog } from "./LoseDialog";
import { boardKeys, deals, pipelinesOptions, staysOptions, useMoveDeal, type Move } from "./queries";
import { isOpenStage, stageColor } from "./stages";
import classes from "./deals.module.css";

/** One deal. */
export function DealCard() {
  const deal = useCardRecord(deals);
  return (
    <CardFrame label={t("deal.one")} error={deal.data ? undefined : deal.error}>
      {deal.data && <DealBody key={deal.data.id} deal={deal.data} />}
    </CardFrame>
  );
}

const TYPES = ["sale", "complex sale", "service", "purchase"];

function DealBody({ deal }: { deal: Deal }) {
  const me = useMe();
  const navigate = useNavigate();
  const client = useQueryClient();
  const saveField = useSaver(deals, deal);
  const pipeline = useQuery(pipelinesOptions).data?.find((p) => p.id === deal.pipelineId);
  const company = useQuery({ ...companies.oneOptions(deal.companyId), enabled: deal.companyId !== "" }).data;
  const contact = useQuery({ ...contacts.oneOptions(deal.contactId), enabled: deal.contactId !== "" }).data;
  const { remove, restore } = useRemove(deals);
  const mayDelete = useCan("deal", "delete");
  const mayUpdate = useCan("deal", "update");
  const ro = !mayUpdate || deal.deleteTime !== undefined;
  const open = deal.state === "DEAL_STATE_OPEN";
  const closedRo = ro || !open;
  const files = useFilesTab({ kind: "deal", id: deal.id }, !ro);
  const currency = deal.amount?.currencyCode ?? me.settings.baseCurrency;
  const stageNames = new Map((pipeline?.stages ?? []).map((s) => [s.id, s.name]));
  const nameOf = (id: string): string | undefined =>
    stageNames.get(id) ??
    (id === deal.companyId ? company?.name : id === deal.contactId ? contact?.name : undefined);

  // What a card shows is on the board too.
  const save: typeof saveField = async (field, value, label) => {
    await saveField(field, value, label);
    void client.invalidateQueries({ queryKey: boardKeys.all });
  };
  const bin = (): void =>
    remove.mutate(deal, {
      onSuccess: () => {
        void client.invalidateQueries({ queryKey: boardKeys.all });
        void navigate({ to: "/deals", search: ((s: object) => s) as never });
        toast(t("record.deleted", { name: deal.name }), {
          undo: () =>
            restore.mutate(deal.id, {
              onSettled: () => void client.invalidateQueries({ queryKey: boardKeys.all }),
            }),
        });
      },
      onError: (error) => toast(messageOf(error), { tone: "bad" }),
    });

  return (
    <RecordCard
      kind={t("deal.one")}
      title={deal.name}
      subtitle={
        company ? (
          <Link to="/companies/$id" params={{ id: company.id }}>
            {company.name}
          </Link>
        ) : contact ? (
          <Link to="/contacts/$id" params={{ id: contact.id }}>
            {contact.name}
          </Link>
        ) : undefined
      }
      facts={[
        { label: t("deal.amount"), value: formatMoney(deal.amount) },
        ...(deal.baseAmount && deal.baseAmount.currencyCode !== currency
          ? [
              {
                label: t("deal.baseAmount", { date: formatCivil(deal.baseAmountDate) }),
                value: formatMoney(deal.baseAmount),
              },
            ]
          : deal.baseAmount
            ? []
            : [{ label: t("deal.baseAmountShort"), value: t("deal.noRate"), tone: "warn" as const }]),
        { label: t("deal.probability"), value: `${formatNumber(deal.probability)}%` },
        open
          ? {
              label: t("deal.plannedClose"),
              value: deal.plannedCloseDate && <Day date={deal.plannedCloseDate} due />,
            }
          : {
              label: t("deal.closed"),
              value: <When at={deal.closeTime} />,
              tone: deal.state === "DEAL_STATE_WON" ? ("good" as const) : ("bad" as const),
            },
        { label: t("deal.inStage"), value: <Since at={deal.stageEnterTime} /> },
      ]}
      banner={
        <>
          {pipeline && <StageBar deal={deal} pipeline={pipeline} readOnly={ro} />}
          {deal.state === "DEAL_STATE_LOST" && deal.lostReason && (
            <p className={classes["lost"]}>{t("deal.lostBecause", { reason: deal.lostReason })}</p>
          )}
          {deal.deleteTime && (
            <div style={{ padding: "0 16px 8px" }} className="bad">
              {t("record.inBin")}{" "}
              <Button size="compact-xs" variant="default" onClick={() => restore.mutate(deal.id)}>
                {t("action.restore")}
              </Button>
            </div>
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
      fields={
        <>
          <FieldGroup>
            <TextField
              label={t("deal.name")}
              name="name"
              value={deal.name}
              readOnly={ro}
              onSave={(v) => save("name", v, t("deal.name"))}
            />
            {deal.amountSource === "AMOUNT_SOURCE_LINES" ? (
              <PlainField label={t("deal.amount")}>
                {formatMoney(deal.amount)} <small className="muted">{t("deal.fromLines")}</small>
              </PlainField>
            ) : (
              <MoneyField
                label={t("deal.amount")}
                name="amount"
                value={deal.amount}
                currency={currency}
                readOnly={closedRo}
                onSave={(v) => save("amount", v as never, t("deal.amount"))}
              />
            )}
            <RecordField
              label={t("company.one")}
              name="company_id"
              resource={companies}
              nameOf={(c) => c.name}
              searchIn={["name"]}
              orderBy="name"
              readOnly={ro}
              value={deal.companyId ? { id: deal.companyId, name: company?.name ?? "…" } : undefined}
              show={
                deal.companyId && (
                  <Link to="/companies/$id" params={{ id: deal.companyId }}>
                    {company?.name ?? "…"}
                  </Link>
                )
              }
              onSave={(v) => save("companyId", v, t("company.one"))}
            />
            <RecordField
              label={t("contact.one")}
              name="contact_id"
              resource={contacts}
              nameOf={(c) => c.name}
              searchIn={["name"]}
              orderBy="name"
              readOnly={ro}
              value={deal.contactId ? { id: deal.contactId, name: contact?.name ?? "…" } : undefined}
              show={
                deal.contactId && (
                  <Link to="/contacts/$id" params={{ id: deal.contactId }}>
                    {contact?.name ?? "…"}
                  </Link>
                )
              }
              onSave={(v) => save("contactId", v, t("contact.one"))}
            />
            <UserField
              label={t("field.responsible")}
              name="responsible_id"
              value={deal.responsibleId}
              readOnly={ro}
              onSave={(v) => save("responsibleId", v, t("field.responsible"))}
            />
            <DateField
              label={t("deal.plannedClose")}
              name="planned_close_date"
              value={deal.plannedCloseDate}
              due={open}
              readOnly={ro}
              onSave={(v) => save("plannedCloseDate", v as never, t("deal.plannedClose"))}
            />
            <NumberField
              label={t("deal.probability")}
              name="probability"
              value={deal.probability}
              suffix="%"
              max={100}
              readOnly={closedRo}
              onSave={(v) => save("probability", v, t("deal.probability"))}
            />
          </FieldGroup>
          <CustomFieldsGroup resource={deals} record={deal} readOnly={ro} />
          <FieldGroup title={t("deal.about")}>
            <ChoiceField
              label={t("deal.type")}
              name="type"
              value={deal.type}
              options={TYPES.map((value) => ({ value, label: t(`deal.type.${value as "sale"}`) }))}
              readOnly={ro}
              onSave={(v) => save("type", v, t("deal.type"))}
            />
            <ChoiceField
              label={t("field.source")}
              name="source"
              value={deal.source}
              options={sourceOptions()}
              readOnly={ro}
              onSave={(v) => save("source", v, t("field.source"))}
            />
            <PlainField label={t("deal.pipeline")}>{pipeline?.name}</PlainField>
            {deal.leadId && (
              <PlainField label={t("lead.one")}>
                <Link to="/leads/$id" params={{ id: deal.leadId }}>
                  {t("deal.toLead")}
                </Link>
              </PlainField>
            )}
            <SwitchField
              label={t("field.everyone")}
              value={deal.availableToEveryone}
              readOnly={ro}
              onSave={(v) => save("availableToEveryone", v, t("field.everyone"))}
            />
            <OriginField origin={deal.origin} />
            {deal.externalIds.length > 0 && (
              <PlainField label={t("field.externalId")}>
                {deal.externalIds.map((e) => `${e.source}: ${e.id}`).join(", ")}
              </PlainField>
            )}
            <PlainField label={t("deal.begun")}>
              <When at={deal.beginTime} />
            </PlainField>
          </FieldGroup>
          <FieldGroup>
            <TextBlockField
              label={t("field.comment")}
              name="comment"
              value={deal.comment}
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
          content: <Timeline resource={deals} id={deal.id} nameOf={nameOf} />,
        },
        {
          id: "lines",
          label: t("lines.title"),
          count: deal.lines.length,
          content: (
            <LinesEditor
              key={`${deal.id}-${deal.etag}`}
              deal={deal}
              currency={currency}
              readOnly={closedRo}
            />
          ),
        },
        { id: "stages", label: t("deal.stages"), content: <Stays id={deal.id} names={stageNames} /> },
        files,
      ]}
    />
  );
}

function Since({ at }: { at: string | undefined }) {
  const now = useMinute();
  return at ? <>{formatDuration(Math.max((now - Date.parse(at)) / 1000, 60))}</> : null;
}

function StageBar({ deal, pipeline, readOnly }: { deal: Deal; pipeline: Pipeline; readOnly: boolean }) {
  const move = useMoveDeal();
  const client = useQueryClient();
  const [losing, setLosing] = useState<Stage>();
  const open = deal.state === "DEAL_STATE_OPEN";
  const current = pipeline.stages.findIndex((s) => s.id === deal.stageId);
  const go = (stage: Stage, lostReason?: Move["lostReason"]): void => {
    const back = pipeline.stages.find((s) => s.id === deal.stageId);
    move.mutate(
      { deal, stage, wasOpen: open, ...(lostReason ? { lostReason } : {}) },
      {
        onSuccess: (moved) => {
          setLosing(undefined);
          void client.invalidateQueries({ queryKey: boardKeys.all });
          const won = stage.kind === "STAGE_KIND_WON";
          toast(
            won
              ? t("deal.wonToast", { name: deal.name })
              : t("deal.movedToast", { name: deal.name, stage: stage.name }),
            {
              tone: won ? "good" : "plain",
              ...(back && isOpenStage(back)
                ? {
                    undo: () =>
                      move.mutate(
                        { deal: moved, stage: back, wasOpen: moved.state === "DEAL_STATE_OPEN" },
                        { onSuccess: () => void client.invalidateQueries({ queryKey: boardKeys.all }) },
                      ),
                  }
                : {}),
            },
          );
        },
      },
    );
  };
  const openStages = pipeline.stages.filter(isOpenStage);
  const won = pipeline.stages.find((s) => s.kind === "STAGE_KIND_WON");
  const lost = pipeline.stages.find((s) => s.kind === "STAGE_KIND_LOST");
  return (
    <div className={classes["stageBar"]}>
      <ol aria-label={t("deal.stage")}>
        {openStages.map((stage) => {
          const index = pipeline.stages.indexOf(stage);
          const done = deal.state === "DEAL_STATE_WON" || (open && index < current);
          return (
            <li key={stage.id} style={{ ["--stage" as never]: stageColor(stage, index) }}>
              <button
                type="button"
                disabled={readOnly || move.isPending}
                data-done={done || undefined}
                aria-current={stage.id === deal.stageId ? "step" : undefined}
                title={stage.name}
                onClick={() => stage.id !== deal.stageId && go(stage)}
              >
                {stage.name}
              </button>
            </li>
          );
        })}
      </ol>
      {won && (open || deal.state === "DEAL_STATE_WON") && (
        <button
          type="button"
          className={classes["win"]}
          disabled={readOnly || !open || move.isPending}
          aria-current={deal.state === "DEAL_STATE_WON" ? "step" : undefined}
          onClick={() => go(won)}
        >
          <IconTrophy size={14} /> {open ? t("deal.win") : won.name}
        </button>
      )}
      {lost && (open || deal.state === "DEAL_STATE_LOST") && (
        <button
          type="button"
          className={classes["lose"]}
          disabled={readOnly || !open || move.isPending}
          aria-current={deal.state === "DEAL_STATE_LOST" ? "step" : undefined}
          onClick={() => setLosing(lost)}
        >
          <IconX size={14} /> {open ? t("deal.lose") : lost.name}
        </button>
      )}
      {move.error && !losing && (
        <div style={{ flexBasis: "100%" }}>
          <ErrorNote error={move.error} />
        </div>
      )}
      {losing && (
        <LoseDialog
          pipeline={pipeline}
          name={deal.name}
          busy={move.isPending}
          error={move.error ?? undefined}
          onClose={() => setLosing(undefined)}
          onLose={(reason) => go(losing, reason)}
        />
      )}
    </div>
  );
}

function Stays({ id, names }: { id: string; names: Map<string, string> }) {
  const stays = useQuery(staysOptions(id));
  if (stays.error) {
    return <ErrorNote error={stays.error} retry={() => void stays.refetch()} />;
  }
  if (stays.isPending) {
    return <SkeletonRows count={4} />;
  }
  if (stays.data.length === 0) {
    return <Empty title={t("deal.noStays")} />;
  }
  const seconds = (duration: string | undefined): number => Number.parseFloat(duration ?? "0");
  const longest = Math.max(...stays.data.map((stay) => seconds(stay.duration)), 1);
  return (
    <table className={classes["stays"]}>
      <thead>
        <tr>
          <th>{t("deal.stage")}</th>
          <th>{t("deal.entered")}</th>
          <th className="num">{t("deal.duration")}</th>
          <th aria-hidden />
        </tr>
      </thead>
      <tbody>
        {stays.data.map((stay, i) => (
          <tr key={i}>
            <td>{names.get(stay.stageId) ?? "…"}</td>
            <td>
              {stay.enterTime ? (
                formatInstant(stay.enterTime)
              ) : (
                <span className="muted">{t("deal.notKnown")}</span>
              )}
            </td>
            <td className="num">{stay.duration ? formatDuration(seconds(stay.duration)) : ""}</td>
            <td aria-hidden>
              <i style={{ width: `${(seconds(stay.duration) / longest) * 100}%` }} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
