import { Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { linkedOptions, linkedSearchOptions } from "../../api/linked";
import { t } from "../../i18n";
import { partOf } from "../filters";
import { EditField, type EditorProps } from "./EditField";

const PATHS: Record<string, string> = {
  contact: "/contacts",
  company: "/companies",
  lead: "/leads",
  deal: "/deals",
  product: "/products",
};

/** The name of a record that is linked to, leading to its card. */
export function LinkedName({ kind, id }: { kind: string; id: string }) {
  const { data } = useQuery({ ...linkedOptions(kind, id), enabled: id !== "" });
  if (!id) {
    return null;
  }
  return (
    <Link to={`${PATHS[kind] ?? ""}/$id` as string} params={{ id } as never}>
      {data?.name ?? "…"}
    </Link>
  );
}

/** A link to a record of a kind that is known only by its name. */
export function LinkedField({
  kind,
  id,
  ...props
}: {
  label: string;
  name: string;
  kind: string;
  id: string;
  readOnly: boolean;
  onSave: (id: string) => Promise<unknown>;
}) {
  return (
    <EditField
      {...props}
      value={id}
      show={id && <LinkedName kind={kind} id={id} />}
      editor={(p) => <LinkedPicker kind={kind} {...p} />}
    />
  );
}

function LinkedPicker({ kind, ...p }: EditorProps<string> & { kind: string }) {
  const [text, setText] = useState("");
  const [later] = useDebouncedValue(text, 180);
  const current = useQuery({ ...linkedOptions(kind, p.draft), enabled: p.draft !== "" }).data;
  const found =
    useQuery(linkedSearchOptions(kind, partOf([kind === "lead" ? "title" : "name"], later))).data ?? [];
  const options = new Map(
    [...(current ? [current] : []), ...found].map((record) => [record.id, record.name]),
  );
  return (
    <Select
      id={p.id}
      aria-label={p.label}
      error={p.invalid}
      data={[...options].map(([value, label]) => ({ value, label }))}
      value={p.draft || null}
      searchable
      clearable
      defaultDropdownOpened
      filter={({ options: all }) => all}
      nothingFoundMessage={t("filter.nothing")}
      comboboxProps={{ withinPortal: true }}
      onSearchChange={setText}
      onChange={(value) => p.save(value ?? "")}
    />
  );
}
