import { Modal } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQueries } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState, type KeyboardEvent, type ReactNode } from "react";
import { can, useMe } from "../api/directory";
import { companies, contacts, leads } from "../areas/contacts/queries";
import { products } from "../areas/catalog/queries";
import { deals } from "../areas/deals/queries";
import { t } from "../i18n";
import { partOf } from "../parts/filters";
import { IconBoard, IconBox, IconBuilding, IconInbox, IconPlus, IconUser } from "../parts/icons";
import { Money } from "../parts/Money";
import { nav } from "./nav";
import classes from "./palette.module.css";

interface Hit {
  key: string;
  icon: ReactNode;
  label: string;
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
  const [later] = useDebouncedValue(text.trim(), 140);
  const [active, setActive] = useState(0);
  const searching = later.length >= 2;
  const results = useQueries({
    queries: [
      {
        ...companies.fewOptions({ filter: partOf(["name"], later), orderBy: "name" }, 6),
        enabled: searching && can(me, "company", "view"),
      },
      {
        ...contacts.fewOptions({ filter: partOf(["name"], later), orderBy: "name" }, 6),
        enabled: searching && can(me, "contact", "view"),
      },
      {
        ...deals.fewOptions({ filter: partOf(["name"], later), orderBy: "create_time desc" }, 6),
        enabled: searching && can(me, "deal", "view"),
      },
      {
        ...leads.fewOptions(
          { filter: partOf(["title", "name", "company_name"], later), orderBy: "create_time desc" },
          6,
        ),
        enabled: searching && can(me, "lead", "view"),
      },
      {
        ...products.fewOptions({ filter: partOf(["name", "sku"], later), orderBy: "name" }, 6),
        enabled: searching && can(me, "product", "view"),
      },
    ],
  });
  const [company, contact, deal, lead, product] = results;
  const open = (to: string, id: string) => (): void => {
    onClose();
    void navigate({ to: `${to}/$id`, params: { id } } as never);
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
  const found: Group[] = searching
    ? [
        {
          title: t("company.many"),
          hits: (company.data?.items ?? []).map((c) => ({
            key: c.id,
            icon: <IconBuilding size={16} />,
            label: c.name,
            hint: c.industry,
            go: open("/companies", c.id),
          })),
        },
        {
          title: t("contact.many"),
          hits: (contact.data?.items ?? []).map((c) => ({
            key: c.id,
            icon: <IconUser size={16} />,
            label: c.name,
            hint: c.position,
            go: open("/contacts", c.id),
          })),
        },
        {
          title: t("deal.many"),
          hits: (deal.data?.items ?? []).map((d) => ({
            key: d.id,
            icon: <IconBoard size={16} />,
            label: d.name,
            hint: <Money value={d.amount} />,
            go: open("/deals", d.id),
          })),
        },
        {
          title: t("lead.many"),
          hits: (lead.data?.items ?? []).map((l) => ({
            key: l.id,
            icon: <IconInbox size={16} />,
            label: l.title,
            hint: l.companyName,
            go: open("/leads", l.id),
          })),
        },
        {
          title: t("product.many"),
          hits: (product.data?.items ?? []).map((p) => ({
            key: p.id,
            icon: <IconBox size={16} />,
            label: p.name,
            hint: p.sku,
            go: open("/products", p.id),
          })),
        },
      ]
    : [];
  const groups = [
    ...found,
    { title: t("palette.screens"), hits: screens },
    { title: t("palette.actions"), hits: actions },
  ].filter((g) => g.hits.length > 0);
  const flat = groups.flatMap((group) => group.hits);
  const current = Math.min(active, flat.length - 1);
  const busy = results.some((r) => r.isFetching);

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
        {flat.length === 0 && (
          <p className={classes["none"]}>
            {busy || later !== text.trim() ? t("palette.searching") : t("palette.nothing")}
          </p>
        )}
      </div>
    </Modal>
  );
}
