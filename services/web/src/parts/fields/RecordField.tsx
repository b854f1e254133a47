import type { ReactNode } from "react";
import type { Record_, Resource } from "../../api/resource";
import { EditField } from "./EditField";
import { RecordPicker } from "./pickers";

interface Props<T extends Record_> {
  label: string;
  name: string;
  resource: Resource<T>;
  nameOf: (record: T) => string;
  searchIn: string[];
  orderBy: string;
  value: { id: string; name: string } | undefined;
  show: ReactNode;
  onSave: (id: string) => Promise<unknown>;
  readOnly?: boolean;
}

/** A link to another record. */
export function RecordField<T extends Record_>({
  resource,
  nameOf,
  searchIn,
  orderBy,
  value,
  onSave,
  ...props
}: Props<T>) {
  return (
    <EditField
      {...props}
      value={value?.id ?? ""}
      onSave={onSave}
      editor={(p) => (
        <RecordPicker
          id={p.id}
          hideLabel
          label={p.label}
          resource={resource}
          nameOf={nameOf}
          searchIn={searchIn}
          orderBy={orderBy}
          value={value}
          onPick={(picked) => p.save(picked?.id ?? "")}
          error={p.invalid}
        />
      )}
    />
  );
}
