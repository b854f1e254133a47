import { Button, Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { departmentsOptions, useCan } from "../../api/directory";
import type { Lead } from "../../api/model";
import { t } from "../../i18n";
import { RecordPicker, useUserChoice } from "../../parts/fields/pickers";
import { DoNotContact, Tags } from "../../parts/fields/tags";
import { allOf, anyOf } from "../../parts/filters";
import { formatNumber } from "../../parts/format";
import { Money } from "../../parts/Money";
import { Empty, ErrorNote, messageOf, SkeletonRows } from "../../parts/notes";
import { useShortcuts } from "../../parts/shortcuts";
import { toast } from "../../parts/toasts";
import { useSaver } from "../../parts/useSaver";
import { When } from "../../parts/When";
import { products } from "../catalog/queries";
import { sourceLabel } from "./choices";
import { DuplicatesBanner } from "./Duplicates";
import { leadPerson } from "./leads";
import { leads, leadStatusesOptions } from "./queries";
import { useScreening, type Recipient } from "./screening";
import classes from "./screening.module.css";

const QUEUE = 50;
const IMPORTANCE = [1, 2, 3, 4, 5];

/** The screener's screen: one lead after the other, by keyboard (CON-3). */
export function ScreeningPage() {
  const statuses = useQuery(leadStatusesOptions).data;
  const fresh = (statuses ?? []).filter((s) => s.kind === "LEAD_STATUS_KIND_NEW").map((s) => s.id);
  const filter = allOf("screened = false", anyOf("status_id", fresh));
  const query = useQuery({
    ...leads.fewOptions({ filter, orderBy: "create_time" }, QUEUE),
    enabled: fresh.length > 0,
  });
  const count = useQuery({ ...leads.countOptions({ filter }), enabled: fresh.length > 0 }).data;
  const [at, setAt] = useState(0);
  const items = query.data?.items ?? [];
  const lead = items[Math.min(at, items.length - 1)];
  return (
    <div className={classes["page"]}>
      <header className={classes["top"]}>
        <h1>{t("screening.title")}</h1>
        <span className="muted" aria-live="polite">
          {count && t("screening.left", { count: count.count })}
        </span>
        <Link to="/leads">{t("lead.many")}</Link>
      </header>
      {query.error && <ErrorNote error={query.error} retry={() => void query.refetch()} />}
      {query.isPending && !query.error && <SkeletonRows count={8} />}
      {query.data && !lead && <Empty title={t("screening.none")}>{t("screening.noneText")}</Empty>}
      {lead && (
        <Screened
          key={lead.id}
          lead={lead}
          fresh={fresh[0] ?? ""}
          junk={(statuses ?? []).find((s) => s.kind === "LEAD_STATUS_KIND_JUNK" && !s.retired)?.id ?? ""}
          skip={(by) => setAt(Math.max(0, Math.min(at + by, items.length - 1)))}
        />
      )}
    </div>
  );
}

// What was chosen for one lead is offered for the next.
const last = { to: "", reason: "" };

interface Props {
  lead: Lead;
  fresh: string;
  junk: string;
  skip: (by: number) => void;
}

function Screened({ lead, fresh, junk, skip }: Props) {
  const { move, handOver } = useScreening();
  const save = useSaver(leads, lead);
  const [to, setTo] = useState(last.to);
  const [reason, setReason] = useState(last.reason);
  const picking = useRef<HTMLInputElement>(null);
  const ro = !useCan("lead", "update");
  const busy = move.isPending || handOver.isPending;
  useEffect(() => {
    last.to = to;
    last.reason = reason;
  }, [to, reason]);

  const refused = (error: unknown): void => toast(messageOf(error), { tone: "bad" });
  const throwAway = (): void => {
    if (busy || ro) {
      return;
    }
    move.mutate(
      { lead, statusId: junk, reason },
      {
        onSuccess: () =>
          toast(t("screening.junked", { name: lead.title }), {
            undo: () => move.mutate({ lead, statusId: lead.statusId || fresh }, { onError: refused }),
          }),
        onError: refused,
      },
    );
  };
  const give = (): void => {
    const [kind, id = ""] = to.split(":");
    if (!id) {
      picking.current?.focus();
      return;
    }
    if (busy || ro) {
      return;
    }
    const recipient: Recipient = kind === "department" ? { departmentId: id } : { userId: id };
    handOver.mutate({ lead, to: recipient }, { onError: refused });
  };
  const rate = (importance: number): void => {
    if (!ro) {
      void save("importance", importance, t("lead.importance")).catch(refused);
    }
  };
  useShortcuts({
    ...Object.fromEntries(IMPORTANCE.map((n) => [String(n), () => rate(n)])),
    "0": () => rate(0),
    x: throwAway,
    h: give,
    j: () => skip(1),
    k: () => skip(-1),
    p: () => document.querySelector<HTMLElement>("[data-screening-products] input")?.focus(),
  });
  return (
    <div className={classes["columns"]}>
      <article className={classes["lead"]} aria-label={lead.title}>
        <h2>
          {lead.title} <DoNotContact channels={lead.doNotContact} />
        </h2>
        <p className="muted">
          {[leadPerson(lead), lead.companyName, sourceLabel(lead.source)].filter(Boolean).join(" · ")} ·{" "}
          <When at={lead.createTime} /> <Tags tags={lead.tags} />
        </p>
        <p>
          {[...lead.phones.map((p) => p.number), ...lead.emails.map((e) => e.address)].join(" · ")}{" "}
          {lead.amount && <Money value={lead.amount} />}
        </p>
        {lead.request && <blockquote className={classes["request"]}>{lead.request}</blockquote>}
        {lead.comment && <p>{lead.comment}</p>}
        <DuplicatesBanner kind="lead" id={lead.id} name={lead.title} />
        <section data-screening-products>
          <h3>{t("product.many")}</h3>
          <ul className={classes["products"]}>
            {lead.products.map((product, i) => (
              <li key={i}>
                {product.name} <span className="muted">× {formatNumber(product.quantity || "1")}</span>
              </li>
            ))}
          </ul>
          {!ro && (
            <RecordPicker
              key={lead.products.length}
              label={t("screening.addProduct")}
              resource={products}
              nameOf={(product) => product.name}
              searchIn={["name"]}
              orderBy="name"
              value={undefined}
              onPick={(picked) =>
                picked &&
                void save(
                  "products",
                  [
                    ...lead.products,
                    { productId: picked.id, name: picked.name, quantity: "1" } as Lead["products"][number],
                  ],
                  t("product.many"),
                ).catch(refused)
              }
            />
          )}
        </section>
      </article>
      <aside className={classes["acts"]} aria-label={t("screening.acts")}>
        <fieldset>
          <legend>{t("lead.importance")}</legend>
          <div className={classes["stars"]}>
            {IMPORTANCE.map((n) => (
              <Button
                key={n}
                size="compact-sm"
                variant={lead.importance === n ? "filled" : "default"}
                aria-pressed={lead.importance === n}
                disabled={ro}
                onClick={() => rate(n)}
              >
                {n}
              </Button>
            ))}
          </div>
        </fieldset>
        <RecipientSelect value={to} onChange={setTo} input={picking} />
        <Button disabled={ro} loading={handOver.isPending} onClick={give}>
          {t("screening.handOver")} <kbd>h</kbd>
        </Button>
        <TextInput
          label={t("screening.reason")}
          value={reason}
          maxLength={512}
          onChange={(e) => setReason(e.currentTarget.value)}
        />
        <Button variant="default" disabled={ro || !junk} loading={move.isPending} onClick={throwAway}>
          {t("screening.junk")} <kbd>x</kbd>
        </Button>
        <div className={classes["stars"]}>
          <Button size="compact-xs" variant="default" onClick={() => skip(-1)}>
            {t("screening.previous")} <kbd>k</kbd>
          </Button>
          <Button size="compact-xs" variant="default" onClick={() => skip(1)}>
            {t("screening.next")} <kbd>j</kbd>
          </Button>
        </div>
        <p className="muted">{t("screening.keys")}</p>
      </aside>
    </div>
  );
}

interface RecipientProps {
  value: string;
  onChange: (to: string) => void;
  input: React.RefObject<HTMLInputElement | null>;
}

function RecipientSelect({ value, onChange, input }: RecipientProps) {
  const users = useUserChoice();
  const departments = useQuery(departmentsOptions).data ?? [];
  return (
    <Select
      ref={input}
      label={t("screening.to")}
      searchable
      data={[
        {
          group: t("screening.users"),
          items: users.map((u) => ({ value: `user:${u.value}`, label: u.label })),
        },
        {
          group: t("screening.departments"),
          items: departments.map((d) => ({ value: `department:${d.id}`, label: d.name })),
        },
      ]}
      value={value || null}
      onChange={(next) => onChange(next ?? "")}
      comboboxProps={{ withinPortal: true }}
      nothingFoundMessage={t("filter.nothing")}
    />
  );
}
