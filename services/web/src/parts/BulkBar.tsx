import { Button, Menu } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Suspense, lazy, useState } from "react";
import { useCan } from "../api/directory";
import type { BulkChange, Selection } from "../api/operations";
import { hasTags } from "../api/tags";
import { t } from "../i18n";
import { TagsButton } from "./BulkTags";
import { runBulk } from "./bulkWork";
import { useUserChoice } from "./fields/pickers";

interface Props {
  kind: string;
  selection: Selection;
  /** The rows are those of the bin. */
  bin: boolean;
  clear: () => void;
}

// Loaded once somebody asks for it.
const BulkUpdate = lazy(async () => ({ default: (await import("./BulkUpdate")).BulkUpdate }));

/** What can be done to all ticked rows, or all that match: set a field, hand over, bin and back. Each can be undone as a whole. */
export function BulkBar({ kind, selection, bin, clear }: Props) {
  const client = useQueryClient();
  const [setting, setSetting] = useState(false);
  const mayUpdate = useCan(kind, "update") && !bin;
  const mayDelete = useCan(kind, "delete");
  const run = (change: BulkChange): void => {
    clear();
    void runBulk(client, kind, selection, change);
  };
  return (
    <>
      {mayUpdate && (
        <Button size="compact-xs" variant="default" onClick={() => setSetting(true)}>
          {t("bulk.set")}
        </Button>
      )}
      {mayUpdate && kind !== "product" && (
        <AssignMenu onPick={(responsibleId) => run({ action: "BULK_ACTION_REASSIGN", responsibleId })} />
      )}
      {mayUpdate && hasTags(kind) && (
        <TagsButton kind={kind} onDone={(action, tags) => run({ action, tags })} />
      )}
      {mayDelete && (
        <Button
          size="compact-xs"
          variant="default"
          onClick={() => run({ action: bin ? "BULK_ACTION_RESTORE" : "BULK_ACTION_DELETE" })}
        >
          {bin ? t("bulk.restore") : t("bulk.delete")}
        </Button>
      )}
      {setting && (
        <Suspense>
          <BulkUpdate
            kind={kind}
            onClose={() => setSetting(false)}
            onSet={(change) => {
              setSetting(false);
              run(change);
            }}
          />
        </Suspense>
      )}
    </>
  );
}

function AssignMenu({ onPick }: { onPick: (userId: string) => void }) {
  const users = useUserChoice();
  return (
    <Menu withinPortal position="bottom-end">
      <Menu.Target>
        <Button size="compact-xs" variant="default">
          {t("bulk.assign")}
        </Button>
      </Menu.Target>
      <Menu.Dropdown mah={320} style={{ overflow: "auto" }}>
        {users.map((user) => (
          <Menu.Item key={user.value} onClick={() => onPick(user.value)}>
            {user.label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
