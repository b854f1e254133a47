import { Button, Popover } from "@mantine/core";
import { useState } from "react";
import { t } from "../i18n";
import { TagsEdit } from "./fields/tags";

interface Props {
  kind: string;
  onDone: (action: "BULK_ACTION_ADD_TAGS" | "BULK_ACTION_REMOVE_TAGS", tags: string[]) => void;
}

/** Adds tags to the ticked records or takes them away. */
export function TagsButton({ kind, onDone }: Props) {
  const [opened, setOpened] = useState(false);
  const [tags, setTags] = useState<string[]>([]);
  const done = (action: "BULK_ACTION_ADD_TAGS" | "BULK_ACTION_REMOVE_TAGS"): void => {
    setOpened(false);
    onDone(action, tags);
  };
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" trapFocus withinPortal shadow="md">
      <Popover.Target>
        <Button
          size="compact-xs"
          variant="default"
          aria-expanded={opened}
          onClick={() => {
            setTags([]);
            setOpened(!opened);
          }}
        >
          {t("bulk.tags")}
        </Button>
      </Popover.Target>
      <Popover.Dropdown w={300} aria-label={t("bulk.tags")}>
        <TagsEdit kind={kind} label={t("field.tags")} labelled value={tags} onChange={setTags} />
        <div style={{ display: "flex", gap: 8, marginTop: 10 }}>
          <Button size="compact-xs" disabled={tags.length === 0} onClick={() => done("BULK_ACTION_ADD_TAGS")}>
            {t("bulk.addTags")}
          </Button>
          <Button
            size="compact-xs"
            variant="default"
            disabled={tags.length === 0}
            onClick={() => done("BULK_ACTION_REMOVE_TAGS")}
          >
            {t("bulk.removeTags")}
          </Button>
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
