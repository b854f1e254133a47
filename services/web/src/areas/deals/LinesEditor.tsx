import {
  ActionIcon,
  Button,
  Checkbox,
  Combobox,
  NativeSelect,
  Switch,
  TextInput,
  useCombobox,
} from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { Deal, DealLine, ProductSummary } from "../../api/model";
import { useUpdate } from "../../api/resource";
import { t } from "../../i18n";
import { formatMoney, minorUnits, parseDecimal } from "../../parts/format";
import { IconPlus, IconX } from "../../parts/icons";
import { Money } from "../../parts/Money";
import { Empty, ErrorNote } from "../../parts/notes";
import { toast } from "../../parts/toasts";
import { emptyLine, faultsOf, isBlank, sumOf, toDraft, totalsOf, toWire, type DraftLine } from "./lines";
import { boardKeys, deals, productSearchOptions } from "./queries";
import classes from "./deals.module.css";

interface Props {
  deal: Deal;
  currency: string;
  readOnly: boolean;
}

interface Stored {
  etag: string;
  lines: DraftLine[];
}

function storedDraft(deal: Deal): DraftLine[] | undefined {
  try {
    const stored = JSON.parse(sessionStorage.getItem(`draft.lines.${deal.id}`) ?? "null") as Stored | null;
    return stored?.etag === deal.etag ? stored.lines : undefined;
  } catch {
    return undefined;
  }
}

/** The lines of a deal, with totals that follow as one types (DEAL-6). */
export function LinesEditor({ deal, currency, readOnly }: Props) {
  const client = useQueryClient();
  const update = useUpdate(deals);
  const saved = deal.lines.map(toDraft);
  const [draft, setDraft] = useState<DraftLine[] | undefined>(() => storedDraft(deal));
  const [fromLines, setFromLines] = useState(
    deal.amountSource === "AMOUNT_SOURCE_LINES" || deal.lines.length === 0,
  );
  const table = useRef<HTMLTableElement>(null);
  const lines = draft ?? saved;
  const digits = minorUnits(currency);
  const sum = sumOf(
    lines.filter((line) => !isBlank(line)),
    digits,
  );
  const faulty = lines.some((line) => !isBlank(line) && faultsOf(line).size > 0);
  const money = (amount: string) => ({ currencyCode: currency, amount });

  useEffect(() => {
    if (draft) {
      sessionStorage.setItem(
        `draft.lines.${deal.id}`,
        JSON.stringify({ etag: deal.etag, lines: draft } satisfies Stored),
      );
    }
  }, [draft, deal.id, deal.etag]);

  const forget = (): void => {
    sessionStorage.removeItem(`draft.lines.${deal.id}`);
    setDraft(undefined);
  };
  const change = (index: number, patch: Partial<DraftLine>): void =>
    setDraft(lines.map((line, i) => (i === index ? { ...line, ...patch } : line)));
  const addLine = (): void => {
    setDraft([...lines, emptyLine(lines.at(-1)?.taxIncluded ?? false)]);
    requestAnimationFrame(() =>
      table.current?.querySelector<HTMLElement>("tbody tr:last-of-type input")?.focus(),
    );
  };
  const save = (): void => {
    const before = { lines: deal.lines, amountSource: deal.amountSource, amount: deal.amount };
    update.mutate(
      {
        record: deal,
        patch: {
          lines: toWire(lines) as DealLine[],
          amountSource: fromLines ? "AMOUNT_SOURCE_LINES" : "AMOUNT_SOURCE_HAND",
        } as Partial<Deal>,
      },
      {
        onSuccess: (next) => {
          forget();
          void client.invalidateQueries({ queryKey: boardKeys.all });
          toast(t("lines.saved"), {
            undo: () =>
              update.mutate({
                record: next,
                patch: {
                  lines: toWire(before.lines.map(toDraft)) as DealLine[],
                  amountSource: before.amountSource,
                  ...(before.amountSource === "AMOUNT_SOURCE_HAND" && before.amount
                    ? { amount: before.amount }
                    : {}),
                } as Partial<Deal>,
              }),
          });
        },
      },
    );
  };

  if (lines.length === 0) {
    return (
      <Empty
        title={t("lines.emptyTitle")}
        action={
          !readOnly && (
            <Button leftSection={<IconPlus size={14} />} onClick={addLine}>
              {t("lines.add")}
            </Button>
          )
        }
      >
        {t("lines.emptyText")}
      </Empty>
    );
  }
  return (
    <div className={classes["lines"]}>
      <div className={classes["linesScroll"]}>
        <table ref={table}>
          <thead>
            <tr>
              <th>{t("lines.what")}</th>
              <th className="num">{t("lines.quantity")}</th>
              <th>{t("lines.unit")}</th>
              <th className="num">{t("lines.price")}</th>
              <th className="num">{t("lines.discount")}</th>
              <th className="num">{t("lines.tax")}</th>
              <th title={t("lines.includedHint")}>{t("lines.included")}</th>
              <th className="num">{t("lines.total")}</th>
              <th>
                <span className="hidden">{t("lines.remove")}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {lines.map((line, i) =>
              readOnly ? (
                <ReadLine key={line.id || i} line={line} currency={currency} digits={digits} />
              ) : (
                <EditLine
                  key={line.id || `new-${i}`}
                  line={line}
                  currency={currency}
                  digits={digits}
                  onChange={(patch) => change(i, patch)}
                  onRemove={() => setDraft(lines.filter((_, n) => n !== i))}
                  onEnter={i === lines.length - 1 ? addLine : undefined}
                />
              ),
            )}
          </tbody>
        </table>
      </div>
      <div className={classes["linesFoot"]}>
        <div>
          {!readOnly && (
            <>
              <Button
                size="compact-sm"
                variant="subtle"
                leftSection={<IconPlus size={13} />}
                onClick={addLine}
              >
                {t("lines.add")}
              </Button>
              <Switch
                label={t("lines.setsAmount")}
                checked={fromLines}
                onChange={(e) => {
                  setFromLines(e.currentTarget.checked);
                  setDraft(lines);
                }}
              />
            </>
          )}
        </div>
        <dl>
          <dt>{t("lines.net")}</dt>
          <dd>
            <Money value={money(sum.net)} />
          </dd>
          <dt>{t("lines.taxSum")}</dt>
          <dd>
            <Money value={money(sum.tax)} />
          </dd>
          <dt>
            <b>{t("lines.total")}</b>
          </dt>
          <dd>
            <b>
              <Money value={money(sum.total)} />
            </b>
          </dd>
        </dl>
      </div>
      {update.error && <ErrorNote error={update.error} />}
      {draft && !readOnly && (
        <div className={classes["linesSave"]}>
          <span className="muted">{t("lines.unsaved")}</span>
          <Button variant="default" onClick={forget}>
            {t("lines.discard")}
          </Button>
          <Button onClick={save} loading={update.isPending} disabled={faulty}>
            {t("lines.save")}
          </Button>
        </div>
      )}
    </div>
  );
}

function ReadLine({ line, currency, digits }: { line: DraftLine; currency: string; digits: number }) {
  const money = (amount: string) => formatMoney({ currencyCode: currency, amount: amount || "0" });
  return (
    <tr>
      <td>{line.name}</td>
      <td className="num">{line.quantity}</td>
      <td>{line.unit}</td>
      <td className="num">{money(line.price)}</td>
      <td className="num">
        {line.discount && (line.discountKind === "percent" ? `${line.discount}%` : money(line.discount))}
      </td>
      <td className="num">{line.taxRate && `${line.taxRate}%`}</td>
      <td>{line.taxIncluded ? t("common.yes") : ""}</td>
      <td className="num">{money(totalsOf(line, digits).total)}</td>
      <td aria-hidden />
    </tr>
  );
}

interface EditLineProps {
  line: DraftLine;
  currency: string;
  digits: number;
  onChange: (patch: Partial<DraftLine>) => void;
  onRemove: () => void;
  onEnter: (() => void) | undefined;
}

function EditLine({ line, currency, digits, onChange, onRemove, onEnter }: EditLineProps) {
  const faults = isBlank(line) ? new Set<keyof DraftLine>() : faultsOf(line);
  const number = (field: "quantity" | "price" | "discount" | "taxRate", label: string) => (
    <TextInput
      aria-label={label}
      inputMode="decimal"
      classNames={{ input: classes["number"] ?? "" }}
      value={line[field]}
      error={faults.has(field)}
      onChange={(e) => onChange({ [field]: e.currentTarget.value })}
      onBlur={() => onChange({ [field]: parseDecimal(line[field]) ?? line[field] })}
      onKeyDown={(e) => {
        if (e.key === "Enter") {
          onEnter?.();
        }
      }}
    />
  );
  return (
    <tr>
      <td>
        <ProductPicker line={line} currency={currency} invalid={faults.has("name")} onChange={onChange} />
      </td>
      <td>{number("quantity", t("lines.quantity"))}</td>
      <td>
        <TextInput
          aria-label={t("lines.unit")}
          value={line.unit}
          onChange={(e) => onChange({ unit: e.currentTarget.value })}
        />
      </td>
      <td>{number("price", t("lines.price"))}</td>
      <td>
        <span className={classes["discount"]}>
          {number("discount", t("lines.discount"))}
          <NativeSelect
            size="xs"
            aria-label={t("lines.discountKind")}
            value={line.discountKind}
            data={[
              { value: "percent", label: "%" },
              { value: "amount", label: currency },
            ]}
            onChange={(e) => onChange({ discountKind: e.currentTarget.value as DraftLine["discountKind"] })}
          />
        </span>
      </td>
      <td>{number("taxRate", t("lines.tax"))}</td>
      <td>
        <Checkbox
          aria-label={t("lines.includedHint")}
          checked={line.taxIncluded}
          onChange={(e) => onChange({ taxIncluded: e.currentTarget.checked })}
        />
      </td>
      <td className="num">
        <Money value={{ currencyCode: currency, amount: totalsOf(line, digits).total }} />
      </td>
      <td>
        <ActionIcon size={24} aria-label={t("lines.remove")} onClick={onRemove}>
          <IconX size={13} />
        </ActionIcon>
      </td>
    </tr>
  );
}

function ProductPicker({
  line,
  currency,
  invalid,
  onChange,
}: {
  line: DraftLine;
  currency: string;
  invalid: boolean;
  onChange: (patch: Partial<DraftLine>) => void;
}) {
  const combobox = useCombobox({ onDropdownClose: () => combobox.resetSelectedOption() });
  const [typed] = useDebouncedValue(line.productId ? "" : line.name, 150);
  const found = useQuery({
    ...productSearchOptions(typed.trim()),
    enabled: combobox.dropdownOpened,
    placeholderData: (previous) => previous,
  });
  const pick = (product: ProductSummary): void => {
    const price = product.listPrice?.currencyCode === currency ? product.listPrice.amount : "";
    onChange({
      productId: product.id,
      name: product.name,
      unit: product.unit,
      price,
      taxRate: product.taxRate,
    });
    combobox.closeDropdown();
  };
  return (
    <Combobox
      store={combobox}
      withinPortal
      width={320}
      position="bottom-start"
      onOptionSubmit={(id) => {
        const product = found.data?.find((p) => p.id === id);
        if (product) {
          pick(product);
        }
      }}
    >
      <Combobox.Target>
        <TextInput
          aria-label={t("lines.what")}
          placeholder={t("lines.whatHint")}
          value={line.name}
          error={invalid}
          onFocus={() => combobox.openDropdown()}
          onBlur={() => combobox.closeDropdown()}
          onChange={(e) => {
            onChange({ name: e.currentTarget.value, productId: "" });
            combobox.openDropdown();
            combobox.selectFirstOption();
          }}
        />
      </Combobox.Target>
      <Combobox.Dropdown data-floating hidden={(found.data ?? []).length === 0}>
        <Combobox.Options mah={240} style={{ overflowY: "auto" }}>
          {(found.data ?? []).map((product) => (
            <Combobox.Option key={product.id} value={product.id}>
              <span className={classes["option"]}>
                <span>
                  {product.name} {product.sku && <small className="muted">{product.sku}</small>}
                </span>
                <Money value={product.listPrice} />
              </span>
            </Combobox.Option>
          ))}
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  );
}
