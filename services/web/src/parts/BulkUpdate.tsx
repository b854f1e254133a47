import { MultiSelect, Select, TextInput } from "@mantine/core";
import { useState } from "react";
import { useCustomFields } from "../api/customFields";
import { useMe } from "../api/directory";
import type { BulkChange } from "../api/operations";
import { t } from "../i18n";
import { bulkFields, bulkValue, type BulkField } from "./bulkFields";
import { Dialog } from "./Dialog";
import { useUserChoice } from "./fields/pickers";
import { parseDecimal } from "./format";

interface Props {
  kind: string;
  onSet: (change: BulkChange) => void;
  onClose: () => void;
}

/** Asks for a field and the value that it is to have in many records. */
export function BulkUpdate({ kind, onSet, onClose }: Props) {
  const me = useMe();
  const fields = bulkFields(kind, useCustomFields(kind));
  const [name, setName] = useState("");
  const [text, setText] = useState("");
  const [list, setList] = useState<string[]>([]);
  const field = fields.find((f) => f.name === name);
  const value = field && read(field, text, list, me.settings.baseCurrency);
  return (
    <Dialog
      title={t("bulk.setTitle")}
      submitLabel={t("bulk.apply")}
      onClose={onClose}
      onSubmit={() => field && onSet({ action: "BULK_ACTION_UPDATE", ...bulkValue(kind, field, value) })}
      disabled={!field || value === undefined}
    >
      <Select
        label={t("bulk.field")}
        data-autofocus
        searchable
        data={fields.map((f) => ({ value: f.name, label: f.label }))}
        value={name || null}
        onChange={(next) => {
          setName(next ?? "");
          setText("");
          setList([]);
        }}
      />
      {field && (
        <Value
          field={field}
          text={text}
          list={list}
          wrong={value === undefined}
          onText={setText}
          onList={setList}
        />
      )}
    </Dialog>
  );
}

interface ValueProps {
  field: BulkField;
  text: string;
  list: string[];
  wrong: boolean;
  onText: (text: string) => void;
  onList: (list: string[]) => void;
}

function Value({ field, text, list, wrong, onText, onList }: ValueProps) {
  const users = useUserChoice();
  const label = t("bulk.value");
  switch (field.type) {
    case "flag":
    case "choice":
    case "user": {
      const yesNo = [
        { value: "true", label: t("common.yes") },
        { value: "false", label: t("common.no") },
      ];
      return (
        <Select
          label={label}
          searchable
          clearable={field.type !== "flag"}
          data={field.type === "flag" ? yesNo : field.type === "user" ? users : (field.options ?? [])}
          value={text || null}
          onChange={(next) => onText(next ?? "")}
        />
      );
    }
    case "choices":
      return <MultiSelect label={label} data={field.options ?? []} value={list} onChange={onList} />;
    default:
      return (
        <TextInput
          label={label}
          type={field.type === "day" ? "date" : "text"}
          description={t("bulk.emptyTakesAway")}
          value={text}
          onChange={(event) => onText(event.currentTarget.value)}
          error={wrong && text !== "" && t("field.notANumber")}
        />
      );
  }
}

// The value as it is sent; undefined while it is none, "" to take away what is there.
function read(field: BulkField, text: string, list: string[], currency: string): unknown {
  switch (field.type) {
    case "flag":
      return text === "" ? undefined : text === "true";
    case "choices":
      return list.length > 0 ? list : "";
    case "number":
      return text.trim() ? parseDecimal(text) : "";
    case "money": {
      const amount = text.trim() ? parseDecimal(text) : "";
      return amount ? { currency, amount } : amount;
    }
    case "day": {
      const [year, month, day] = text.split("-").map(Number);
      if (field.name.startsWith("custom_fields.") || text === "") {
        return text;
      }
      return { year, month, day };
    }
    default:
      return text.trim();
  }
}
