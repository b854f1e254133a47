import { ActionIcon, Button, Select, TextInput } from "@mantine/core";
import { useState } from "react";
import { useMe } from "../../api/directory";
import type { PriceType, Product } from "../../api/model";
import { t } from "../../i18n";
import { parseDecimal } from "../../parts/format";
import { IconPlus, IconX } from "../../parts/icons";
import { Money } from "../../parts/Money";
import { ErrorNote } from "../../parts/notes";
import { SettingsTable } from "../../parts/SettingsSection";
import { useSaver } from "../../parts/useSaver";
import { currencyCodes } from "../deals/currencies";
import { products } from "./queries";

/** The prices of a product: one for each price list and currency. */
export function Prices({
  product,
  priceTypes,
  readOnly,
}: {
  product: Product;
  priceTypes: PriceType[];
  readOnly: boolean;
}) {
  const me = useMe();
  const save = useSaver(products, product);
  const [type, setType] = useState("");
  const [currency, setCurrency] = useState(me.settings.baseCurrency);
  const [amount, setAmount] = useState("");
  const [error, setError] = useState<unknown>();
  const typeId = type || (priceTypes[0]?.id ?? "");
  const parsed = parseDecimal(amount);
  const put = async (prices: Product["prices"]): Promise<void> => {
    setError(undefined);
    try {
      await save("prices", prices, t("product.prices"));
      setAmount("");
    } catch (failure) {
      setError(failure);
    }
  };
  const same = (p: Product["prices"][number]): boolean =>
    p.priceTypeId === typeId && p.price?.currencyCode === currency;
  return (
    <>
      <SettingsTable
        label={t("product.prices")}
        head={[
          t("product.priceType"),
          <span key="n">{t("product.price")}</span>,
          <span key="x" className="hidden">
            {t("action.delete")}
          </span>,
        ]}
      >
        {product.prices.map((price) => (
          <tr key={`${price.priceTypeId}-${price.price?.currencyCode}`}>
            <td>{priceTypes.find((p) => p.id === price.priceTypeId)?.name ?? "…"}</td>
            <td>
              <Money value={price.price} />
            </td>
            <td style={{ width: 28 }}>
              {!readOnly && (
                <ActionIcon
                  size={24}
                  aria-label={t("product.removePrice")}
                  onClick={() => void put(product.prices.filter((p) => p !== price))}
                >
                  <IconX size={13} />
                </ActionIcon>
              )}
            </td>
          </tr>
        ))}
      </SettingsTable>
      {!readOnly && (
        <form
          style={{ display: "flex", gap: 6, marginTop: 10, flexWrap: "wrap", alignItems: "end" }}
          onSubmit={(event) => {
            event.preventDefault();
            if (parsed !== undefined) {
              void put([
                ...product.prices.filter((p) => !same(p)),
                { priceTypeId: typeId, price: { currencyCode: currency, amount: parsed } },
              ]);
            }
          }}
        >
          <Select
            label={t("product.priceType")}
            w={140}
            data={priceTypes.map((p) => ({ value: p.id, label: p.name }))}
            value={typeId || null}
            allowDeselect={false}
            onChange={(v) => setType(v ?? "")}
          />
          <TextInput
            label={t("product.price")}
            w={110}
            inputMode="decimal"
            value={amount}
            onChange={(e) => setAmount(e.currentTarget.value)}
          />
          <Select
            label={t("deal.currency")}
            w={90}
            searchable
            data={currencyCodes(currency)}
            value={currency}
            allowDeselect={false}
            onChange={(v) => setCurrency(v ?? currency)}
          />
          <Button
            type="submit"
            variant="default"
            leftSection={<IconPlus size={13} />}
            disabled={parsed === undefined || !typeId}
          >
            {t("product.setPrice")}
          </Button>
        </form>
      )}
      {error !== undefined && <ErrorNote error={error} />}
    </>
  );
}
