import { MultiSelect, TagsInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { tagsOptions } from "../../api/tags";
import { t, tIfAny } from "../../i18n";
import { EditField } from "./EditField";
import classes from "./fields.module.css";

const CHANNELS = ["phone", "email", "messenger", "post", "sms"];

/** The channels that people are contacted by. */
export function channelOptions(): { value: string; label: string }[] {
  return CHANNELS.map((value) => ({ value, label: tIfAny(`channel.${value}`, value) }));
}

/** Tags as chips. */
export function Tags({ tags }: { tags: string[] | undefined }) {
  return tags && tags.length > 0 ? (
    <span className={classes["tags"]}>
      {tags.map((tag) => (
        <span key={tag} className={classes["tag"]}>
          {tag}
        </span>
      ))}
    </span>
  ) : null;
}

/** Says by which channels somebody must not be contacted. */
export function DoNotContact({ channels }: { channels: string[] | undefined }) {
  return channels && channels.length > 0 ? (
    <span className={classes["noContact"]}>
      {t("channel.never", {
        channels: channels.map((c) => tIfAny(`channel.${c}`, c)).join(", "),
      })}
    </span>
  ) : null;
}

interface InputProps {
  kind: string;
  id?: string;
  label: string;
  value: string[];
  onChange: (tags: string[]) => void;
  /** Also shown as a label, and not only told to screen readers. */
  labelled?: boolean;
}

/** Tags being typed, with those in use suggested. */
export function TagsEdit({ kind, id, label, value, onChange, labelled }: InputProps) {
  const [text, setText] = useState("");
  const [beginning] = useDebouncedValue(text, 150);
  const known = useQuery(tagsOptions(kind, beginning)).data ?? [];
  return (
    <TagsInput
      {...(id ? { id } : {})}
      {...(labelled ? { label } : { "aria-label": label })}
      data={known}
      value={value}
      onChange={onChange}
      searchValue={text}
      onSearchChange={setText}
      maxTags={50}
      acceptValueOnBlur
      comboboxProps={{ withinPortal: false }}
    />
  );
}

interface FieldProps {
  value: string[];
  onSave: (value: string[]) => Promise<unknown>;
  readOnly?: boolean;
}

/** The tags of a record. */
export function TagsField({ kind, value, onSave, readOnly }: FieldProps & { kind: string }) {
  return (
    <EditField
      label={t("field.tags")}
      name="tags"
      value={value}
      readOnly={readOnly ?? false}
      show={value.length > 0 && <Tags tags={value} />}
      onSave={onSave}
      editor={(p) => <TagsEdit kind={kind} id={p.id} label={p.label} value={p.draft} onChange={p.setDraft} />}
    />
  );
}

/** The channels by which somebody must not be contacted. */
export function DoNotContactField({ value, onSave, readOnly }: FieldProps) {
  return (
    <EditField
      label={t("field.doNotContact")}
      name="do_not_contact"
      value={value}
      readOnly={readOnly ?? false}
      show={value.length > 0 && <DoNotContact channels={value} />}
      onSave={onSave}
      editor={(p) => (
        <MultiSelect
          id={p.id}
          aria-label={p.label}
          data={channelOptions()}
          value={p.draft}
          onChange={p.setDraft}
          comboboxProps={{ withinPortal: false }}
        />
      )}
    />
  );
}
