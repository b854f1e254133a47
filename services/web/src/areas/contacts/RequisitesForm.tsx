import { ActionIcon, Button, Checkbox, Select, TextInput } from "@mantine/core";
import { useMemo, useState, type FormEvent, type ReactNode } from "react";
import { ApiError } from "../../api/errors";
import type { Address } from "../../api/model";
import { t, tIfAny, type MessageKey } from "../../i18n";
import { countryOptions } from "../../parts/countries";
import { useDraft } from "../../parts/draft";
import { IconPlus, IconX } from "../../parts/icons";
import { ErrorNote } from "../../parts/notes";
import { currencyCodes } from "../deals/currencies";
import { emptyAccount, tidySet, type RequisitesSet } from "./requisitesSet";
import classes from "./requisites.module.css";

interface Props {
  draftName: string;
  /** Place of the set in the company, by which the server names its fields. */
  index: number;
  value: RequisitesSet;
  onSave: (set: RequisitesSet) => Promise<void>;
  onClose: () => void;
}

const ADDRESS_PARTS = ["street", "postalCode", "city", "region", "country"] as const;

/** One set of requisites as a form. Numbers are checked by the server; its faults stand at their fields. */
export function RequisitesForm({ draftName, index, value, onSave, onClose }: Props) {
  const [set, change, clear] = useDraft<RequisitesSet>(draftName, value);
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const countries = useMemo(() => countryOptions(), []);
  const currencies = useMemo(() => currencyCodes(), []);

  // Both the rules of the contract and those of the service name fields by their path.
  const fault = (field: string): string | undefined =>
    error instanceof ApiError
      ? error.fields.find((f) => f.field.endsWith(`requisites[${index}].${field}`))?.description
      : undefined;
  const close = (): void => {
    clear();
    onClose();
  };
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    const tidy = tidySet(set);
    // What the server counts and what is shown must be the same lines.
    change({ bankAccounts: tidy.bankAccounts, signatories: tidy.signatories });
    try {
      await onSave(tidy);
      clear();
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };

  const text = (field: keyof RequisitesSet & string, label: string, contract: string, required = false) => (
    <TextInput
      label={label}
      value={String(set[field] ?? "")}
      required={required}
      onChange={(e) => change({ [field]: e.currentTarget.value })}
      error={fault(contract)}
    />
  );
  const account = (i: number, patch: object): void =>
    change({ bankAccounts: set.bankAccounts.map((a, n) => (n === i ? { ...a, ...patch } : a)) });
  const person = (i: number, patch: object): void =>
    change({ signatories: set.signatories.map((s, n) => (n === i ? { ...s, ...patch } : s)) });

  return (
    <form
      className={classes["form"]}
      aria-label={t("requisites.title")}
      noValidate
      onSubmit={(event) => void submit(event)}
    >
      <div className={classes["grid"]}>
        {text("name", t("requisites.name"), "name")}
        <Select
          label={t("requisites.country")}
          data={countries}
          searchable
          required
          value={set.country || null}
          onChange={(country) => change({ country: country ?? "" })}
          error={fault("country") && t("requisites.chooseCountry")}
        />
        {text("legalName", t("requisites.legalName"), "legal_name")}
        {text("legalForm", t("requisites.legalForm"), "legal_form")}
        {text("vatNumber", t("requisites.vatNumber"), "vat_number")}
        {text("taxNumber", tIfAny(`requisites.tax.${set.country}`, t("requisites.taxNumber")), "tax_number")}
        {text(
          "registrationNumber",
          tIfAny(`requisites.registration.${set.country}`, t("requisites.registrationNumber")),
          "registration_number",
        )}
        <Checkbox
          className={classes["primary"] ?? ""}
          label={t("requisites.usePrimary")}
          checked={set.primary}
          onChange={(e) => change({ primary: e.currentTarget.checked })}
        />
      </div>
      <AddressParts
        title="requisites.legalAddress"
        value={set.legalAddress}
        onChange={(legalAddress) => change({ legalAddress })}
      />
      <AddressParts
        title="requisites.postalAddress"
        value={set.postalAddress}
        onChange={(postalAddress) => change({ postalAddress })}
      />
      <Lines
        title="requisites.accounts"
        add="requisites.addAccount"
        onAdd={() => change({ bankAccounts: [...set.bankAccounts, emptyAccount()] })}
      >
        {set.bankAccounts.map((a, i) => (
          <Line
            key={i}
            remove={t("requisites.removeAccount")}
            onRemove={() => change({ bankAccounts: set.bankAccounts.filter((_, n) => n !== i) })}
          >
            <TextInput
              label={t("requisites.iban")}
              className={classes["wide"] ?? ""}
              value={a.iban}
              onChange={(e) => account(i, { iban: e.currentTarget.value })}
              error={fault(`bank_accounts[${i}].iban`)}
            />
            <TextInput
              label={t("requisites.bic")}
              value={a.bic}
              onChange={(e) => account(i, { bic: e.currentTarget.value })}
              error={fault(`bank_accounts[${i}].bic`)}
            />
            <TextInput
              label={t("requisites.bankName")}
              value={a.bankName}
              onChange={(e) => account(i, { bankName: e.currentTarget.value })}
              error={fault(`bank_accounts[${i}].bank_name`)}
            />
            <TextInput
              label={t("requisites.accountNumber")}
              value={a.accountNumber}
              onChange={(e) => account(i, { accountNumber: e.currentTarget.value })}
              error={fault(`bank_accounts[${i}].account_number`)}
            />
            <TextInput
              label={t("requisites.bankCode")}
              value={a.bankCode}
              onChange={(e) => account(i, { bankCode: e.currentTarget.value })}
              error={fault(`bank_accounts[${i}].bank_code`)}
            />
            <Select
              label={t("requisites.currency")}
              data={currencies}
              searchable
              clearable
              value={a.currencyCode || null}
              onChange={(code) => account(i, { currencyCode: code ?? "" })}
              error={fault(`bank_accounts[${i}].currency_code`)}
            />
          </Line>
        ))}
      </Lines>
      <Lines
        title="requisites.signatories"
        add="requisites.addSignatory"
        onAdd={() => change({ signatories: [...set.signatories, { name: "", position: "", basis: "" }] })}
      >
        {set.signatories.map((s, i) => (
          <Line
            key={i}
            remove={t("requisites.removeSignatory")}
            onRemove={() => change({ signatories: set.signatories.filter((_, n) => n !== i) })}
          >
            {(["name", "position", "basis"] as const).map((part) => (
              <TextInput
                key={part}
                label={t(`requisites.signatory.${part}`)}
                value={s[part]}
                onChange={(e) => person(i, { [part]: e.currentTarget.value })}
                error={fault(`signatories[${i}].${part}`)}
              />
            ))}
          </Line>
        ))}
      </Lines>
      {error !== undefined && <ErrorNote error={known(error)} />}
      <div className={classes["foot"]}>
        <Button variant="default" onClick={close}>
          {t("common.cancel")}
        </Button>
        <Button type="submit" loading={busy}>
          {t("common.save")}
        </Button>
      </div>
    </form>
  );
}

// The faults of single fields stand there; the note says only that there are some.
function known(error: unknown): unknown {
  return error instanceof ApiError && error.fields.length > 0 ? new Error(t("requisites.faults")) : error;
}

function AddressParts({
  title,
  value,
  onChange,
}: {
  title: MessageKey;
  value: Address | undefined;
  onChange: (address: Address) => void;
}) {
  const address: Address = {
    kind: "legal",
    street: "",
    city: "",
    region: "",
    postalCode: "",
    country: "",
    ...value,
  };
  return (
    <fieldset className={classes["part"]}>
      <legend>{t(title)}</legend>
      <div className={classes["grid"]}>
        {ADDRESS_PARTS.map((part) => (
          <TextInput
            key={part}
            label={t(`address.${part}`)}
            className={part === "street" ? (classes["wide"] ?? "") : ""}
            value={address[part]}
            onChange={(e) => onChange({ ...address, [part]: e.currentTarget.value })}
          />
        ))}
      </div>
    </fieldset>
  );
}

function Lines({
  title,
  add,
  onAdd,
  children,
}: {
  title: MessageKey;
  add: MessageKey;
  onAdd: () => void;
  children: ReactNode;
}) {
  return (
    <fieldset className={classes["part"]}>
      <legend>{t(title)}</legend>
      {children}
      <Button size="compact-xs" variant="subtle" leftSection={<IconPlus size={12} />} onClick={onAdd}>
        {t(add)}
      </Button>
    </fieldset>
  );
}

function Line({ remove, onRemove, children }: { remove: string; onRemove: () => void; children: ReactNode }) {
  return (
    <div className={classes["line"]}>
      <div className={classes["grid"]}>{children}</div>
      <ActionIcon aria-label={remove} onClick={onRemove}>
        <IconX size={14} />
      </ActionIcon>
    </div>
  );
}
