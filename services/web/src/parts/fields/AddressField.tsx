import { Button, TextInput } from "@mantine/core";
import type { Address } from "../../api/model";
import { t } from "../../i18n";
import { EditField } from "./EditField";
import classes from "./fields.module.css";

/** An address on one line. */
export function addressLine(address: Address | undefined): string {
  if (!address) {
    return "";
  }
  const town = [address.postalCode, address.city].filter(Boolean).join(" ");
  return [address.street?.replace(/\n/g, ", "), town, address.region, address.country]
    .filter(Boolean)
    .join(", ");
}

const PARTS = ["street", "postalCode", "city", "region", "country"] as const;

/** One postal address, edited part by part. */
export function AddressField({
  label,
  name,
  value,
  onSave,
  readOnly,
}: {
  label: string;
  name: string;
  value: Address | undefined;
  onSave: (address: Address) => Promise<unknown>;
  readOnly?: boolean;
}) {
  const empty: Address = { kind: "postal", street: "", city: "", region: "", postalCode: "", country: "" };
  return (
    <EditField
      label={label}
      name={name}
      readOnly={readOnly ?? false}
      value={value ?? empty}
      show={addressLine(value)}
      onSave={onSave}
      editor={(p) => (
        <>
          {PARTS.map((part) => (
            <TextInput
              key={part}
              aria-label={t(`address.${part}`)}
              placeholder={t(`address.${part}`)}
              value={p.draft[part] ?? ""}
              onChange={(e) => p.setDraft({ ...p.draft, [part]: e.currentTarget.value })}
              onKeyDown={(e) => {
                if (e.key === "Enter") {
                  p.save();
                }
              }}
            />
          ))}
          <div className={classes["row"]}>
            <span />
            <Button size="compact-xs" variant="default" onClick={p.cancel}>
              {t("common.cancel")}
            </Button>
            <Button size="compact-xs" onClick={() => p.save()}>
              {t("common.save")}
            </Button>
          </div>
        </>
      )}
    />
  );
}
