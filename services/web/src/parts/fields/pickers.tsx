import { Combobox, Loader, Select, TextInput, useCombobox } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useUserNames, usersOptions } from "../../api/directory";
import type { Record_, Resource } from "../../api/resource";
import { t } from "../../i18n";
import { partOf } from "../filters";
import { EditField } from "./EditField";

/** Users that can be given work, for a select. */
export function useUserChoice(): { value: string; label: string }[] {
  const { data } = useQuery(usersOptions);
  return (data ?? []).filter((user) => user.active).map((user) => ({ value: user.id, label: user.name }));
}

/** The name of a user, or nothing while it is not known. */
export function UserName({ id }: { id: string | undefined }) {
  const user = useUserNames().get(id ?? "");
  return <>{user?.name ?? ""}</>;
}

interface UserFieldProps {
  label: string;
  name: string;
  value: string;
  onSave: (id: string) => Promise<unknown>;
  readOnly?: boolean;
  clearable?: boolean;
}

/** One user. */
export function UserField(props: UserFieldProps) {
  const choice = useUserChoice();
  const users = useUserNames();
  return (
    <EditField
      {...props}
      show={users.get(props.value)?.name ?? (props.value ? "…" : "")}
      editor={(p) => (
        <Select
          id={p.id}
          aria-label={p.label}
          data={choice}
          value={p.draft || null}
          searchable
          clearable={props.clearable ?? false}
          allowDeselect={false}
          defaultDropdownOpened
          limit={50}
          error={p.invalid}
          comboboxProps={{ withinPortal: true }}
          nothingFoundMessage={t("filter.nothing")}
          onChange={(value) => p.save(value ?? "")}
        />
      )}
    />
  );
}

interface RecordPickerProps<T extends Record_> {
  resource: Resource<T>;
  label: string;
  nameOf: (record: T) => string;
  hintOf?: (record: T) => ReactNode;
  /** Fields of the contract that the typed text is looked for in. */
  searchIn: string[];
  orderBy: string;
  value: { id: string; name: string } | undefined;
  onPick: (record: { id: string; name: string } | undefined) => void;
  id?: string;
  autoOpen?: boolean;
  hideLabel?: boolean;
  error?: ReactNode;
}

/** Picks a record by a part of its name. */
export function RecordPicker<T extends Record_>(props: RecordPickerProps<T>) {
  const { resource, nameOf, value, onPick } = props;
  const [text, setText] = useState<string>();
  const [later] = useDebouncedValue(text ?? "", 180);
  const combobox = useCombobox({
    defaultOpened: props.autoOpen ?? false,
    onDropdownClose: () => combobox.resetSelectedOption(),
  });
  const found = useQuery({
    ...resource.fewOptions({ filter: partOf(props.searchIn, later), orderBy: props.orderBy }, 12),
    enabled: combobox.dropdownOpened,
    placeholderData: (previous) => previous,
  });
  const pick = (id: string): void => {
    const record = found.data?.items.find((item) => item.id === id);
    if (record) {
      onPick({ id, name: nameOf(record) });
    }
    setText(undefined);
    combobox.closeDropdown();
  };
  return (
    <Combobox store={combobox} onOptionSubmit={pick} withinPortal size="xs">
      <Combobox.Target>
        <TextInput
          {...(props.id ? { id: props.id } : {})}
          {...(props.hideLabel ? { "aria-label": props.label } : { label: props.label })}
          placeholder={t("picker.type")}
          value={text ?? value?.name ?? ""}
          error={props.error}
          rightSection={found.isFetching ? <Loader size={12} /> : null}
          onFocus={(e) => {
            e.currentTarget.select();
            combobox.openDropdown();
          }}
          onBlur={() => {
            if (text === "") {
              onPick(undefined);
            }
            setText(undefined);
            combobox.closeDropdown();
          }}
          onChange={(event) => {
            setText(event.currentTarget.value);
            combobox.openDropdown();
            combobox.updateSelectedOptionIndex();
          }}
        />
      </Combobox.Target>
      <Combobox.Dropdown data-floating>
        <Combobox.Options mah={260} style={{ overflowY: "auto" }}>
          {(found.data?.items ?? []).map((record) => (
            <Combobox.Option value={record.id} key={record.id}>
              {nameOf(record)} {props.hintOf && <small className="muted">{props.hintOf(record)}</small>}
            </Combobox.Option>
          ))}
          {found.data?.items.length === 0 && <Combobox.Empty>{t("filter.nothing")}</Combobox.Empty>}
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  );
}
