import { Button } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useCan } from "../../api/directory";
import { t, tIfAny } from "../../i18n";
import { duplicatesOptions, type Duplicate, type MergedKind } from "./duplicateQueries";
import { MergeDialog } from "./MergeDialog";
import classes from "./contacts.module.css";

const paths = { contact: "/contacts/$id", company: "/companies/$id", lead: "/leads/$id" } as const;

/** Below this a card stays quiet: a name that is much alike is worth a look while one types, and not for ever. */
const cardScore = 0.5;

function because(duplicate: Duplicate): string {
  return duplicate.reasons
    .map((reason) => {
      const field = tIfAny(`duplicates.field.${reason.field}`, reason.field);
      const text =
        reason.match === "MATCH_SIMILAR"
          ? t("duplicates.similar", { field })
          : t("duplicates.same", { field });
      return reason.value ? `${text} (${reason.value})` : text;
    })
    .join(", ");
}

function Candidate({ duplicate, kind }: { duplicate: Duplicate; kind: MergedKind }) {
  return (
    <>
      <Link
        to={paths[kind]}
        params={{ id: duplicate.record.id }}
        search={((s: object) => s) as never}
        target="_blank"
      >
        {duplicate.name || t("contact.unnamed")}
      </Link>{" "}
      <span className="muted">
        {t("duplicates.score", { percent: Math.round(duplicate.score * 100) })} · {because(duplicate)}
      </span>
    </>
  );
}

/** Warns on a form of records that may be the same; nobody is kept from making another (CON-15). */
export function DuplicateWarning({ kind, draft }: { kind: MergedKind; draft: object }) {
  const [steady] = useDebouncedValue(JSON.stringify(draft), 400);
  const found =
    useQuery(duplicatesOptions(kind, { [kind]: JSON.parse(steady) as object }, steady)).data ?? [];
  if (found.length === 0) {
    return null;
  }
  return (
    <div className={classes["duplicates"]} role="status">
      <b className="warn">{t("duplicates.there")}</b>
      <ul>
        {found.slice(0, 3).map((duplicate) => (
          <li key={duplicate.record.id}>
            <Candidate duplicate={duplicate} kind={kind} />
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Tells on a card which records may be the same, and offers to merge them (CON-15, CON-16). */
export function DuplicatesBanner({ kind, id, name }: { kind: MergedKind; id: string; name: string }) {
  const [merging, setMerging] = useState<Duplicate>();
  const mayChange = useCan(kind, "update");
  const mayDelete = useCan(kind, "delete");
  const found = (useQuery(duplicatesOptions(kind, { id }, id)).data ?? []).filter(
    (d) => d.score >= cardScore,
  );
  if (found.length === 0) {
    return null;
  }
  return (
    <div className={classes["duplicates"]} style={{ margin: "0 16px 8px" }}>
      <b className="warn">{t("duplicates.perhaps")}</b>
      <ul>
        {found.slice(0, 3).map((duplicate) => (
          <li key={duplicate.record.id}>
            <Candidate duplicate={duplicate} kind={kind} />{" "}
            {mayChange && mayDelete && (
              <Button size="compact-xs" variant="default" onClick={() => setMerging(duplicate)}>
                {t("duplicates.merge")}
              </Button>
            )}
          </li>
        ))}
      </ul>
      {merging && (
        <MergeDialog
          kind={kind}
          records={[
            { id, name },
            { id: merging.record.id, name: merging.name },
          ]}
          onClose={() => setMerging(undefined)}
        />
      )}
    </div>
  );
}
