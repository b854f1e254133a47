import { ActionIcon, Button, Select, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, call } from "../../api/client";
import { useCan, useMe } from "../../api/directory";
import { t } from "../../i18n";
import {
  daysFromNow,
  formatCivil,
  formatNumber,
  isoCivil,
  parseCivil,
  parseDecimal,
} from "../../parts/format";
import { IconX } from "../../parts/icons";
import { Empty, ErrorNote, SkeletonRows } from "../../parts/notes";
import { SettingsSection, SettingsTable } from "../../parts/SettingsSection";
import { currencyCodes } from "../deals/currencies";
import { ratesOptions } from "./queries";

/** Exchange rates by day, set by hand (CAT-3). */
export function CurrenciesPage() {
  const me = useMe();
  const client = useQueryClient();
  const mayUpdate = useCan("settings", "update");
  const rates = useQuery(ratesOptions);
  const base = me.settings.baseCurrency;
  const [code, setCode] = useState(base === "EUR" ? "USD" : "EUR");
  const [date, setDate] = useState(() => isoCivil(daysFromNow(0)));
  const [rate, setRate] = useState("");
  const parsed = parseDecimal(rate);
  const refresh = (): void => void client.invalidateQueries({ queryKey: ["currency"] });
  const set = useMutation({
    mutationFn: () =>
      call(
        api.POST("/v1/exchangeRates", {
          body: { currencyCode: code, date: parseCivil(date) ?? daysFromNow(0), rate: parsed ?? "" } as never,
        }),
      ),
    onSuccess: () => {
      setRate("");
      refresh();
    },
  });
  const remove = useMutation({
    mutationFn: (id: string) => call(api.DELETE("/v1/exchangeRates/{id}", { params: { path: { id } } })),
    onSuccess: refresh,
  });
  return (
    <SettingsSection title={t("rates.title")} description={t("rates.text", { base })}>
      {mayUpdate && (
        <form
          style={{ display: "flex", gap: 8, alignItems: "end", flexWrap: "wrap" }}
          onSubmit={(event) => {
            event.preventDefault();
            set.mutate();
          }}
        >
          <Select
            label={t("deal.currency")}
            w={96}
            searchable
            data={currencyCodes().filter((c) => c !== base)}
            value={code}
            allowDeselect={false}
            onChange={(v) => setCode(v ?? code)}
          />
          <TextInput
            label={t("rates.date")}
            type="date"
            value={date}
            onChange={(e) => setDate(e.currentTarget.value)}
          />
          <TextInput
            label={t("rates.rate", { code, base })}
            inputMode="decimal"
            value={rate}
            onChange={(e) => setRate(e.currentTarget.value)}
          />
          <Button type="submit" loading={set.isPending} disabled={parsed === undefined || !parseCivil(date)}>
            {t("rates.set")}
          </Button>
        </form>
      )}
      {(set.error ?? remove.error) && <ErrorNote error={set.error ?? remove.error} />}
      {rates.error ? (
        <ErrorNote error={rates.error} retry={() => void rates.refetch()} />
      ) : rates.isPending ? (
        <SkeletonRows count={4} />
      ) : rates.data.length === 0 ? (
        <Empty title={t("rates.empty")} />
      ) : (
        <SettingsTable
          label={t("rates.title")}
          head={[
            t("rates.date"),
            t("deal.currency"),
            t("rates.rateShort", { base }),
            <span key="x" className="hidden">
              {t("action.delete")}
            </span>,
          ]}
        >
          {rates.data.map((entry) => (
            <tr key={entry.id}>
              <td>{formatCivil(entry.date as never)}</td>
              <td>{entry.currencyCode}</td>
              <td style={{ fontVariantNumeric: "tabular-nums" }}>{formatNumber(entry.rate, 10)}</td>
              <td style={{ width: 28 }}>
                {mayUpdate && (
                  <ActionIcon
                    size={24}
                    aria-label={t("rates.remove")}
                    onClick={() => remove.mutate(entry.id ?? "")}
                  >
                    <IconX size={13} />
                  </ActionIcon>
                )}
              </td>
            </tr>
          ))}
        </SettingsTable>
      )}
    </SettingsSection>
  );
}
