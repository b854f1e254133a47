import { Modal } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState, type KeyboardEvent, type ReactNode } from "react";
import { can, useMe } from "../api/directory";
import { grouped, HitHint, HitTitle, KindIcon, placeOf } from "../areas/search/hits";
import { searchable, searchOptions } from "../areas/search/queries";
import { recentOf, remember, type Recent } from "../areas/search/recent";
import { t } from "../i18n";
import { IconPlus, IconSearch } from "../parts/icons";
import { nav } from "./nav";
import classes from "./palette.module.css";

interface Hit {
  key: string;
  icon: ReactNode;
  label: ReactNode;
  hint?: ReactNode;
  go: () => void;
}

interface Group {
  title: string;
  hits: Hit[];
}

/** Reaches every record and screen by typing a part of its name. */
export function Palette({ onClose, onHelp }: { onClose: () => void; onHelp: () => void }) {
  const me = useMe();
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const [later] = useDebouncedValue(text.trim(), 120);
  const [active, setActive] = useState(0);
  const searching = searchable(later);
  const found = useQuery(searchOptions(later, { pageSize: 24 }));
  const open = (record: Recent) => (): void => {
    remember(me.user.id, record);
    onClose();
    void navigate(placeOf(record.kind, record.id) as never);
  };
  const needle = text.trim().toLowerCase();
  const screens: Hit[] = nav
    .filter(
      (entry) =>
        (!entry.kind || can(me, entry.kind, "view")) && t(entry.label).toLowerCase().includes(needle),
    )
    .map((entry) => ({
      key: entry.to,
      icon: <entry.icon size={16} />,
      label: t(entry.label),
      hint: `G ${entry.key.toUpperCase()}`,
      go: () => {
        onClose();
        void navigate({ to: entry.to });
      },
    }));
  const actions: Hit[] = (
    [
      ["deal", "/deals", t("deal.new"), { new: "1" }],
      ["user", "/settings/users", t("settings.users"), {}],
      ["deal", "/reports/funnel", t("report.funnel"), {}],
      ["company", "/settings/import", t("import.go"), {}],
    ] as const
  )
    .filter(([kind, , label]) => can(me, kind, "view") && label.toLowerCase().includes(needle))
    .map(([, to, label, search]) => ({
      key: `${to}-${label}`,
      icon: <IconPlus size={16} />,
      label,
      go: () => {
        onClose();
        void navigate({ to, search } as never);
      },
    }));
  if (t("help.title").toLowerCase().includes(needle)) {
    actions.push({
      key: "help",
      icon: <span className={classes["qm"]}>?</span>,
      label: t("help.title"),
      go: () => {
        onClose();
        onHelp();
      },
    });
  }
  const records: Group[] =
    text.trim() === ""
      ? [
          {
            title: t("search.recent"),
            hits: recentOf(me.user.id).map((recent) => ({
              key: `recent-${recent.id}`,
              icon: <KindIcon kind={recent.kind} />,
              label: <bdi>{recent.title}</bdi>,
              go: open(recent),
            })),
          },
        ]
      : grouped(searching ? (found.data?.hits ?? []) : []).map((group) => ({
          title: group.title,
          hits: group.hits.slice(0, 6).map((hit) => ({
            key: hit.id,
            icon: <KindIcon kind={hit.kind} />,
            label: <HitTitle hit={hit} />,
            hint: <HitHint hit={hit} />,
            go: open(hit),
          })),
        }));
  if (searching) {
    records.push({
      title: t("search.title"),
      hits: [
        {
          key: "all",
          icon: <IconSearch size={16} />,
          label: t("search.all", { text: later }),
          go: () => {
            onClose();
            void navigate({ to: "/search", search: { q: later } as never });
          },
        },
      ],
    });
  }
  const groups = [
    ...records,
    { title: t("palette.screens"), hits: screens },
    { title: t("palette.actions"), hits: actions },
  ].filter((g) => g.hits.length > 0);
  const flat = groups.flatMap((group) => group.hits);
  const current = Math.min(active, flat.length - 1);
  const busy = found.isFetching;

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const next = Math.min(Math.max(current + (event.key === "ArrowDown" ? 1 : -1), 0), flat.length - 1);
      setActive(next);
      document.getElementById(`hit-${next}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      flat[current]?.go();
    }
  };

  let index = -1;
  return (
    <Modal
      opened
      onClose={onClose}
      withCloseButton={false}
      padding={0}
      size={560}
      yOffset="12vh"
      centered={false}
      aria-label={t("palette.title")}
    >
      <input
        className={classes["input"]}
        role="combobox"
        aria-label={t("palette.title")}
        aria-expanded
        aria-controls="palette-hits"
        aria-activedescendant={flat.length > 0 ? `hit-${current}` : undefined}
        aria-autocomplete="list"
        placeholder={t("palette.hint")}
        value={text}
        maxLength={200}
        data-autofocus
        onChange={(event) => {
          setText(event.currentTarget.value);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div id="palette-hits" role="listbox" aria-label={t("palette.title")} className={classes["hits"]}>
        {groups.map((group) => (
          <div key={group.title} role="group" aria-label={group.title}>
            <div className={classes["group"]} aria-hidden>
              {group.title}
            </div>
            {group.hits.map((hit) => {
              index++;
              const at = index;
              return (
                // The input keeps the focus; its keys choose, a click is the mouse's way.
                // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
                <div
                  key={hit.key}
                  id={`hit-${at}`}
                  role="option"
                  aria-selected={at === current}
                  className={classes["hit"]}
                  onMouseMove={() => setActive(at)}
                  onClick={hit.go}
                >
                  <span className={classes["icon"]}>{hit.icon}</span>
                  <span className="cut">{hit.label}</span>
                  <small>{hit.hint}</small>
                </div>
              );
            })}
          </div>
        ))}
        {text.trim() !== "" && !(searching && found.data?.hits.length) && (
          <p className={classes["none"]} role="status">
            {busy || later !== text.trim() ? t("palette.searching") : t("palette.nothing")}
          </p>
        )}
      </div>
    </Modal>
  );
}
