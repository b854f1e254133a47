import { ActionIcon, Button, SegmentedControl, Select, Switch } from "@mantine/core";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { can, useCan, useMe } from "../../api/directory";
import { cancelOperation, ended } from "../../api/operations";
import { t, tIfAny, type MessageKey } from "../../i18n";
import { UserName } from "../../parts/fields/pickers";
import { formatInstant } from "../../parts/format";
import { IconX } from "../../parts/icons";
import { useListState } from "../../parts/list/listState";
import { Empty, ErrorNote, messageOf, SkeletonRows } from "../../parts/notes";
import { SettingsSection } from "../../parts/SettingsSection";
import { toast } from "../../parts/toasts";
import { BatchDialog } from "./BatchMerge";
import {
  dismissDuplicate,
  groupsOf,
  nameOf,
  pairsOptions,
  peopleOptions,
  scanDuplicates,
  type DuplicateGroup,
  type MergedKind,
  type PairQuery,
  type Person,
} from "./duplicateQueries";
import { LatestMerges } from "./LatestMerges";
import { MergeDialog } from "./MergeDialog";
import classes from "./duplicates.module.css";

const KINDS: MergedKind[] = ["contact", "company", "lead"];
const PATHS = { contact: "/contacts/$id", company: "/companies/$id", lead: "/leads/$id" } as const;
const SCORES = ["0.5", "0.7", "0.8", "0.9"];
const REASONS = ["phones", "emails", "tax_number", "name", "addresses"];

/** Everything that a scan has found to be there twice: to be merged, one by one or all at once, or marked as not the same. */
export function DuplicatesPage() {
  const me = useMe();
  const { search, set } = useListState();
  const kinds = KINDS.filter((kind) => can(me, kind, "view"));
  const kind = kinds.find((k) => k === search["kind"]) ?? kinds[0];
  if (!kind) {
    return <Empty title={t("duplicates.foundNone")} />;
  }
  const query: PairQuery = {
    kind,
    minScore: Number(SCORES.find((s) => s === search["sure"]) ?? "0.7"),
    reason: REASONS.find((r) => r === search["shared"]) ?? "",
    dismissed: search["dismissed"] === "yes",
  };
  return (
    <>
      <SettingsSection title={t("duplicates.what")}>
        <SegmentedControl
          className={classes["kinds"] ?? ""}
          aria-label={t("duplicates.what")}
          value={kind}
          onChange={(next) => set({ kind: next })}
          data={kinds.map((value) => ({ value, label: t(`${value}.many` as MessageKey) }))}
        />
        <Scan query={query} />
      </SettingsSection>
      <SettingsSection title={t("duplicates.list")}>
        <Found query={query} set={set} />
      </SettingsSection>
      <LatestMerges key={kind} kind={kind} />
    </>
  );
}

/** How the last scan went, and a way to start another or to stop it. */
function Scan({ query }: { query: PairQuery }) {
  const client = useQueryClient();
  const mayScan = useCan("settings", "update");
  const { data } = useInfiniteQuery(pairsOptions(query));
  const scan = data?.pages[0]?.scan;
  const refresh = (): Promise<void> =>
    client.invalidateQueries({ queryKey: [query.kind, "duplicates", "pairs"] });
  const fails = (error: unknown): void => toast(messageOf(error), { tone: "bad" });
  const start = useMutation({
    mutationFn: () => scanDuplicates(query.kind),
    onSuccess: refresh,
    onError: fails,
  });
  const stop = useMutation({ mutationFn: cancelOperation, onSuccess: refresh, onError: fails });
  if (!data) {
    return null;
  }
  const running = scan && !ended(scan);
  const text = !scan
    ? t("duplicates.never")
    : running
      ? t("duplicates.scanRunning", { at: formatInstant(scan.createTime) })
      : scan.state === "STATE_CANCELLED"
        ? t("duplicates.scanStopped")
        : scan.state === "STATE_FAILED"
          ? t("duplicates.scanFailed", { reason: scan.error })
          : t("duplicates.scanned", { at: formatInstant(scan.endTime) });
  return (
    <div className={classes["bar"]}>
      <span role="status">{text}</span>
      {mayScan &&
        (running ? (
          <Button variant="default" loading={stop.isPending} onClick={() => stop.mutate(scan.id)}>
            {t("duplicates.scanStop")}
          </Button>
        ) : (
          <Button loading={start.isPending} onClick={() => start.mutate()}>
            {t(scan ? "duplicates.scanAgain" : "duplicates.scan")}
          </Button>
        ))}
    </div>
  );
}

function Found({
  query,
  set,
}: {
  query: PairQuery;
  set: (patch: Record<string, string | undefined>) => void;
}) {
  const [merging, setMerging] = useState<Person[]>();
  const [all, setAll] = useState(false);
  const mayUpdate = useCan(query.kind, "update");
  const mayMerge = useCan(query.kind, "delete") && mayUpdate;
  const found = useInfiniteQuery(pairsOptions(query));
  const groups = useMemo(
    () => groupsOf((found.data?.pages ?? []).flatMap((page) => page.pairs)),
    [found.data],
  );
  const ids = useMemo(() => [...new Set(groups.flatMap((group) => group.ids))].toSorted(), [groups]);
  const people = useQuery(peopleOptions(query.kind, ids)).data;
  return (
    <>
      <div className={classes["bar"]} role="group" aria-label={t("duplicates.filter")}>
        <Select
          label={t("duplicates.sure")}
          data={SCORES.map((value) => ({
            value,
            label: t("duplicates.at", { percent: Math.round(Number(value) * 100) }),
          }))}
          value={String(query.minScore)}
          allowDeselect={false}
          onChange={(value) => set({ sure: value ?? undefined })}
        />
        <Select
          label={t("duplicates.whatShared")}
          data={[
            { value: "", label: t("duplicates.any") },
            ...REASONS.map((value) => ({ value, label: tIfAny(`duplicates.field.${value}`, value) })),
          ]}
          value={query.reason}
          allowDeselect={false}
          onChange={(value) => set({ shared: value || undefined })}
        />
        <Switch
          label={t("duplicates.dismissedOnes")}
          checked={query.dismissed}
          onChange={(event) => set({ dismissed: event.currentTarget.checked ? "yes" : undefined })}
        />
        {mayMerge && !query.dismissed ? (
          <Button variant="default" disabled={groups.length === 0} onClick={() => setAll(true)}>
            {t("duplicates.mergeAll")}
          </Button>
        ) : (
          <span />
        )}
      </div>
      {found.error && <ErrorNote error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <SkeletonRows count={8} />}
      {found.data && groups.length === 0 && (
        <Empty title={t(found.data.pages[0]?.scan ? "duplicates.foundNone" : "duplicates.never")}>
          {t(found.data.pages[0]?.scan ? "duplicates.foundNoneText" : "duplicates.neverText")}
        </Empty>
      )}
      <ul className={classes["groups"]} aria-label={t("duplicates.list")}>
        {groups.map((group) => (
          <Group
            key={group.ids.join()}
            group={group}
            query={query}
            people={people}
            mayUpdate={mayUpdate}
            onMerge={mayMerge && !query.dismissed ? setMerging : undefined}
          />
        ))}
      </ul>
      {found.hasNextPage && (
        <Button
          variant="default"
          style={{ justifySelf: "center" }}
          loading={found.isFetchingNextPage}
          onClick={() => void found.fetchNextPage()}
        >
          {t("duplicates.more")}
        </Button>
      )}
      {merging && (
        <MergeDialog
          kind={query.kind}
          records={merging.map((person) => ({ ...person, name: nameOf(person) || t("contact.unnamed") }))}
          onClose={() => setMerging(undefined)}
        />
      )}
      {all && <BatchDialog query={query} onClose={() => setAll(false)} />}
    </>
  );
}

function Group({
  group,
  query,
  people,
  mayUpdate,
  onMerge,
}: {
  group: DuplicateGroup;
  query: PairQuery;
  people: Map<string, Person> | undefined;
  mayUpdate: boolean;
  onMerge: ((people: Person[]) => void) | undefined;
}) {
  const client = useQueryClient();
  // Oldest first: it is the one that stays unless another is chosen.
  const shown = group.ids
    .map((id) => people?.get(id) ?? { id, responsibleId: "", phones: [], emails: [] })
    .toSorted((a: Person, b: Person) => (a.createTime ?? "").localeCompare(b.createTime ?? ""));
  const dismiss = useMutation({
    mutationFn: async ({ pairs, undo }: { pairs: DuplicateGroup["pairs"]; undo: boolean }) => {
      for (const pair of pairs) {
        await dismissDuplicate(
          query.kind,
          pair.records.map((record) => record.id),
          undo,
        );
      }
    },
    onSuccess: () => client.invalidateQueries({ queryKey: [query.kind, "duplicates"] }),
    onError: (error) => toast(messageOf(error), { tone: "bad" }),
  });
  const say = (pairs: DuplicateGroup["pairs"]): void =>
    dismiss.mutate(
      { pairs, undo: query.dismissed },
      {
        onSuccess: () => {
          if (!query.dismissed) {
            toast(t("duplicates.dismissed"), { undo: () => dismiss.mutate({ pairs, undo: true }) });
          }
        },
      },
    );
  return (
    <li className={classes["group"]}>
      <ul className={classes["people"]}>
        {shown.map((person) => (
          <li key={person.id}>
            <Link
              to={PATHS[query.kind]}
              params={{ id: person.id }}
              search={((s: object) => s) as never}
              target="_blank"
            >
              {nameOf(person) || t("contact.unnamed")}
            </Link>
            <span>{person.phones[0]?.number}</span>
            <span>{person.emails[0]?.address}</span>
            <span className="muted">
              <UserName id={person.responsibleId} />
            </span>
            <span>
              {mayUpdate && shown.length > 2 && !query.dismissed && (
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  size="sm"
                  aria-label={t("duplicates.notSameOne", { name: nameOf(person) })}
                  title={t("duplicates.notSameOne", { name: nameOf(person) })}
                  onClick={() => say(group.pairs.filter((p) => p.records.some((r) => r.id === person.id)))}
                >
                  <IconX size={14} />
                </ActionIcon>
              )}
            </span>
          </li>
        ))}
      </ul>
      <div className={classes["why"]}>
        <span>{t("duplicates.score", { percent: Math.round(group.score * 100) })}</span>
        <span className="muted">
          {group.reasons.map((reason) => tIfAny(`duplicates.field.${reason}`, reason)).join(", ")}
        </span>
      </div>
      <div className={classes["acts"]}>
        {onMerge && (
          <Button size="compact-sm" variant="default" disabled={!people} onClick={() => onMerge(shown)}>
            {t("duplicates.merge")}
          </Button>
        )}
        {mayUpdate && (
          <Button
            size="compact-sm"
            variant="subtle"
            loading={dismiss.isPending}
            onClick={() => say(group.pairs)}
          >
            {t(query.dismissed ? "duplicates.sameAfterAll" : "duplicates.notSame")}
          </Button>
        )}
      </div>
    </li>
  );
}
