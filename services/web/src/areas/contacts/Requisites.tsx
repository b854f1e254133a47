import { Button } from "@mantine/core";
import { useState } from "react";
import type { Company } from "../../api/model";
import { useUpdate } from "../../api/resource";
import { t, tIfAny } from "../../i18n";
import type { CardTab } from "../../parts/card/RecordCard";
import { countryName } from "../../parts/countries";
import { addressLine } from "../../parts/fields/AddressField";
import { IconPlus } from "../../parts/icons";
import { Empty, messageOf } from "../../parts/notes";
import { toast } from "../../parts/toasts";
import { companies } from "./queries";
import { RequisitesForm } from "./RequisitesForm";
import { emptySet, type RequisitesSet } from "./requisitesSet";
import classes from "./requisites.module.css";

/** The tab with the legal and bank details of a company (CON-8). */
export function requisitesTab(company: Company, readOnly: boolean): CardTab {
  return {
    id: "requisites",
    label: t("requisites.title"),
    count: company.requisites.length,
    content: <RequisitesTab key={company.id} company={company} readOnly={readOnly} />,
  };
}

function RequisitesTab({ company, readOnly }: { company: Company; readOnly: boolean }) {
  const update = useUpdate(companies);
  const sets = company.requisites as RequisitesSet[];
  // Which set is being edited; the length of the list for a new one.
  const [editing, setEditing] = useState<number>();

  const save = async (next: RequisitesSet[], told: string): Promise<void> => {
    const before = company.requisites;
    const saved = await update.mutateAsync({ record: company, patch: { requisites: next as never } });
    setEditing(undefined);
    toast(told, {
      undo: () =>
        void update
          .mutateAsync({ record: saved, patch: { requisites: before } })
          .catch((error: unknown) => toast(messageOf(error), { tone: "bad" })),
    });
  };
  // One set is primary; choosing another takes it from the first.
  const put = (index: number, set: RequisitesSet): Promise<void> => {
    const others = sets.map((s, i) => (set.primary && i !== index ? { ...s, primary: false } : s));
    const next = index < others.length ? others.map((s, i) => (i === index ? set : s)) : [...others, set];
    return save(next, t("requisites.saved", { name: set.name || t("requisites.unnamed") }));
  };
  const remove = (index: number): void => {
    const name = sets[index]?.name || t("requisites.unnamed");
    save(
      sets.filter((_, i) => i !== index),
      t("record.deleted", { name }),
    ).catch((error: unknown) => toast(messageOf(error), { tone: "bad" }));
  };
  const form = (index: number, value: RequisitesSet) => (
    <RequisitesForm
      key={index}
      draftName={`requisites.${company.id}.${index}`}
      index={index}
      value={value}
      onSave={(set) => put(index, set)}
      onClose={() => setEditing(undefined)}
    />
  );

  // A new set has its place from the start: what is typed stays while it is shown as saved and put back when refused.
  const shown = editing === sets.length ? [...sets, emptySet(company, sets.length === 0)] : sets;

  return (
    <div className={classes["sets"]}>
      {sets.length === 0 && editing === undefined && (
        <Empty title={t("requisites.none")}>{t("requisites.noneText")}</Empty>
      )}
      {shown.map((set, i) =>
        editing === i ? (
          form(i, set)
        ) : (
          <section key={i} className={classes["set"]} aria-label={set.name || t("requisites.unnamed")}>
            <header>
              <h3>{set.name || t("requisites.unnamed")}</h3>
              {set.primary && <span className={classes["badge"]}>{t("requisites.primary")}</span>}
              {!readOnly && editing === undefined && (
                <span className={classes["tools"]}>
                  <Button size="compact-xs" variant="default" onClick={() => setEditing(i)}>
                    {t("requisites.edit")}
                  </Button>
                  <Button size="compact-xs" variant="default" onClick={() => remove(i)}>
                    {t("action.delete")}
                  </Button>
                </span>
              )}
            </header>
            <Shown set={set} />
          </section>
        ),
      )}
      {!readOnly && editing === undefined && (
        <div>
          <Button
            variant="default"
            leftSection={<IconPlus size={14} />}
            onClick={() => setEditing(sets.length)}
          >
            {t("requisites.add")}
          </Button>
        </div>
      )}
    </div>
  );
}

function Shown({ set }: { set: RequisitesSet }) {
  const rows: [string, string][] = [
    [t("requisites.legalName"), [set.legalName, set.legalForm].filter(Boolean).join(", ")],
    [t("requisites.country"), countryName(set.country)],
    [t("requisites.vatNumber"), set.vatNumber],
    [tIfAny(`requisites.tax.${set.country}`, t("requisites.taxNumber")), set.taxNumber],
    [
      tIfAny(`requisites.registration.${set.country}`, t("requisites.registrationNumber")),
      set.registrationNumber,
    ],
    [t("requisites.legalAddress"), addressLine(set.legalAddress)],
    [t("requisites.postalAddress"), addressLine(set.postalAddress)],
    ...set.bankAccounts.map((account): [string, string] => [
      [t("requisites.account"), account.currencyCode].filter(Boolean).join(" "),
      [groups(account.iban) || account.accountNumber, account.bic || account.bankCode, account.bankName]
        .filter(Boolean)
        .join(" · "),
    ]),
    ...set.signatories.map((person): [string, string] => [
      t("requisites.signatory"),
      [person.name, person.position, person.basis].filter(Boolean).join(", "),
    ]),
  ];
  return (
    <dl>
      {rows
        .filter(([, value]) => value)
        .map(([label, value], i) => (
          <div key={i}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

// An IBAN is read in groups of four.
function groups(iban: string): string {
  return iban.replace(/(.{4})(?=.)/g, "$1 ");
}
