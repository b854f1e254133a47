import { Button, Menu } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { bulkOf, type BulkChange } from "../api/operations";
import { hasTags } from "../api/tags";
import { keys, type Record_, type Resource } from "../api/resource";
import { t } from "../i18n";
import { runBulk } from "./bulkWork";
import { TagsButton } from "./BulkTags";
import { useUserChoice } from "./fields/pickers";
import { messageOf } from "./notes";
import { toast } from "./toasts";

interface Props<T extends Record_ & { responsibleId: string }> {
  resource: Resource<T>;
  selected: Set<string>;
  items: T[];
  clear: () => void;
  canDelete: boolean;
  /** The filter of the list, when all that match it are meant and not only the ticked rows. */
  all?: string | undefined;
}

// Requests under way at the same time.
const LANES = 4;

/** What can be done to all ticked rows: hand over, put into the bin. Each can be undone as a whole. */
export function BulkBar<T extends Record_ & { responsibleId: string }>({
  resource,
  selected,
  items,
  clear,
  canDelete,
  all,
}: Props<T>) {
  const client = useQueryClient();
  const users = useUserChoice();
  const [busy, setBusy] = useState(false);
  const records = items.filter((item) => selected.has(item.id));

  const run = async (
    todo: T[],
    act: (record: T) => Promise<unknown>,
    done: (count: number) => void,
  ): Promise<void> => {
    setBusy(true);
    const queue = [...todo];
    let count = 0;
    const failures: unknown[] = [];
    await Promise.all(
      Array.from({ length: LANES }, async () => {
        for (let record = queue.shift(); record; record = queue.shift()) {
          try {
            await act(record);
            count++;
          } catch (error) {
            failures.push(error);
          }
        }
      }),
    );
    setBusy(false);
    await client.invalidateQueries({ queryKey: [resource.kind] });
    await client.invalidateQueries({ queryKey: keys.counts(resource.kind) });
    done(count);
    if (failures.length > 0) {
      toast(t("bulk.failed", { count: failures.length, reason: messageOf(failures[0]) }), { tone: "bad" });
    }
  };

  // Where the server does it for many at once, it does; the others are changed one by one from here.
  const bulk = bulkOf(resource.kind);
  const onServer = (change: BulkChange): void => {
    const selection = all === undefined ? { ids: [...selected] } : { filter: all };
    clear();
    void runBulk(client, resource.kind, selection, change);
  };
  const assign = (userId: string): void => {
    if (bulk) {
      onServer({ action: "BULK_ACTION_REASSIGN", responsibleId: userId });
      return;
    }
    void run(
      records,
      (record) => resource.update(record.id, { responsibleId: userId } as Partial<T>, "responsible_id"),
      (count) => {
        clear();
        toast(t("bulk.assigned", { count }), {
          undo: () =>
            void run(
              records,
              (record) =>
                resource.update(
                  record.id,
                  { responsibleId: record.responsibleId } as Partial<T>,
                  "responsible_id",
                ),
              (undone) => toast(t("bulk.undone", { count: undone })),
            ),
        });
      },
    );
  };
  const remove = (): void => {
    if (bulk) {
      onServer({ action: "BULK_ACTION_DELETE" });
      return;
    }
    void run(
      records,
      (record) => resource.remove(record.id, record.etag),
      (count) => {
        clear();
        toast(t("bulk.deleted", { count }), {
          undo: () =>
            void run(
              records,
              (record) => resource.restore(record.id),
              (undone) => toast(t("bulk.undone", { count: undone })),
            ),
        });
      },
    );
  };

  return (
    <>
      <Menu withinPortal position="bottom-end">
        <Menu.Target>
          <Button size="compact-xs" variant="default" loading={busy}>
            {t("bulk.assign")}
          </Button>
        </Menu.Target>
        <Menu.Dropdown mah={320} style={{ overflow: "auto" }}>
          {users.map((user) => (
            <Menu.Item key={user.value} onClick={() => assign(user.value)}>
              {user.label}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      {bulk && hasTags(resource.kind) && (
        <TagsButton kind={resource.kind} onDone={(action, tags) => onServer({ action, tags })} />
      )}
      {canDelete && (
        <Button size="compact-xs" variant="default" loading={busy} onClick={remove}>
          {t("bulk.delete")}
        </Button>
      )}
    </>
  );
}
