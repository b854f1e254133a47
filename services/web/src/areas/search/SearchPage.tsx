import { TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useMe } from "../../api/directory";
import { t } from "../../i18n";
import { IconSearch } from "../../parts/icons";
import { Empty, ErrorNote, SkeletonRows } from "../../parts/notes";
import { grouped, HitHint, HitTitle, KindIcon, placeOf } from "./hits";
import { searchable, searchOptions } from "./queries";
import { remember } from "./recent";
import classes from "./search.module.css";

/** Everything that fits what was typed, by kind. The address keeps the words. */
export function SearchPage() {
  const me = useMe();
  const navigate = useNavigate();
  const { q = "" } = useSearch({ strict: false }) as { q?: string };
  const [text, setText] = useState(q);
  const [later] = useDebouncedValue(text.trim(), 250);
  const [shown, setShown] = useState(q);
  if (shown !== q) {
    setShown(q);
    if (q !== later) {
      setText(q); // the address was changed by a link, not by what is typed here
    }
  }
  useEffect(() => {
    if (later !== q && later === text.trim()) {
      void navigate({ to: "/search", search: { q: later } as never, replace: true });
    }
    // Only what is typed changes the address, not the address itself.
  }, [later]); // oxlint-disable-line react-hooks/exhaustive-deps
  const found = useQuery(searchOptions(q, { pageSize: 100, patient: true }));
  const groups = grouped(searchable(q) ? (found.data?.hits ?? []) : []);
  return (
    <div className={classes["page"]}>
      <h1 className={classes["heading"]}>{t("search.title")}</h1>
      <TextInput
        aria-label={t("search.title")}
        placeholder={t("search.hint")}
        leftSection={<IconSearch size={15} />}
        value={text}
        maxLength={200}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      {found.error && <ErrorNote error={found.error} retry={() => void found.refetch()} />}
      {!!found.data?.incomplete.length && (
        <p role="status" className={classes["note"]}>
          {t("search.incomplete")}
        </p>
      )}
      {searchable(q) && found.isPending && !found.error && <SkeletonRows count={8} />}
      {found.data && groups.length === 0 && (
        <Empty title={t("search.nothing")}>{t("search.nothingText")}</Empty>
      )}
      {groups.map((group) => (
        <section key={group.kind} aria-label={group.title}>
          <h2 className={classes["kind"]}>
            {group.title} <span className="muted">{group.hits.length}</span>
          </h2>
          <ul className={classes["hits"]}>
            {group.hits.map((hit) => (
              <li key={hit.id}>
                <Link
                  {...(placeOf(hit.kind, hit.id) as { to: "/" })}
                  className={classes["hit"] ?? ""}
                  onClick={() => remember(me.user.id, hit)}
                >
                  <span className={classes["icon"]}>
                    <KindIcon kind={hit.kind} />
                  </span>
                  <span className="cut">
                    <HitTitle hit={hit} />
                  </span>
                  <small className="cut">
                    <HitHint hit={hit} />
                  </small>
                </Link>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}
