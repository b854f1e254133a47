import { ActionIcon, Menu, Tooltip } from "@mantine/core";
import { useQuery, useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { ApiError } from "../../api/errors";
import { keys, type Page, type Record_, type Resource } from "../../api/resource";
import { t } from "../../i18n";
import { IconArrowDown, IconArrowUp, IconDots, IconExpand, IconX } from "../icons";
import { useListOrder } from "../list/ListPage";
import { useListState } from "../list/listState";
import { Empty, ErrorNote, SkeletonRows } from "../notes";
import { useShortcuts } from "../shortcuts";
import classes from "./card.module.css";

/** A tab of a card. */
export interface CardTab {
  id: string;
  label: string;
  count?: number | undefined;
  content: ReactNode;
}

interface Props {
  kind: string;
  title: ReactNode;
  subtitle?: ReactNode;
  /** The numbers that matter. */
  facts?: { label: string; value: ReactNode; tone?: "bad" | "good" | "warn" }[];
  actions?: ReactNode;
  menu?: ReactNode;
  banner?: ReactNode;
  tabs: CardTab[];
  fields: ReactNode;
}

/** Reads the record that the address names, beginning with what a list knows of it already. */
export function useCardRecord<T extends Record_>(resource: Resource<T>) {
  const { id = "" } = useParams({ strict: false }) as { id?: string };
  const client = useQueryClient();
  return useQuery({
    ...resource.oneOptions(id),
    placeholderData: () => inLists<T>(client, resource.kind, id) as never,
  });
}

function inLists<T extends Record_>(
  client: ReturnType<typeof useQueryClient>,
  kind: string,
  id: string,
): T | undefined {
  for (const [, data] of client.getQueriesData<InfiniteData<Page<T>> | Page<T>>({
    queryKey: keys.lists(kind),
  })) {
    const pages = data ? ("pages" in data ? data.pages : [data]) : [];
    const found = pages.flatMap((page) => page.items).find((item) => item.id === id);
    if (found) {
      return found;
    }
  }
  return undefined;
}

/** The frame of a card while its record is being read, or cannot be. */
export function CardFrame({
  label,
  error,
  children,
}: {
  label: string;
  error?: unknown;
  children?: ReactNode;
}) {
  const { search } = useListState();
  const box = useRef<HTMLElement>(null);
  const { id } = useParams({ strict: false }) as { id?: string };
  const nav = useCardNavigation();
  useEffect(() => {
    box.current?.focus({ preventScroll: true });
  }, [id]);
  useShortcuts({
    Escape: nav.close,
    e: () => box.current?.querySelector<HTMLElement>("[data-edit-field]")?.click(),
    ...(nav.step ? { "]": () => nav.step?.(1), "[": () => nav.step?.(-1) } : {}),
  });
  return (
    <aside
      className={classes["drawer"]}
      data-full={search["full"] !== undefined || undefined}
      aria-label={label}
      tabIndex={-1}
      ref={box}
    >
      {error ? (
        <>
          <div className={classes["bar"]}>
            <span className={classes["spacer"]} />
            <NavButtons />
          </div>
          <div style={{ padding: 14 }}>
            {error instanceof ApiError && error.status === 404 ? (
              <Empty title={t("card.notFound")}>{t("card.notFoundText")}</Empty>
            ) : (
              <ErrorNote error={error} />
            )}
          </div>
        </>
      ) : (
        (children ?? <SkeletonRows count={14} />)
      )}
    </aside>
  );
}

/** A record: head with the numbers that matter, fields at the side, tabs with the timeline first. */
export function RecordCard({ kind, title, subtitle, facts, actions, menu, banner, tabs, fields }: Props) {
  const { search, set } = useListState();
  const [local, setLocal] = useState<string>();
  const current = tabs.find((tab) => tab.id === (local ?? search["tab"])) ?? tabs[0];
  return (
    <>
      <div className={classes["bar"]}>
        <div className={classes["title"]}>
          <small className="muted">{kind}</small>
          <h1>{title}</h1>
          {subtitle && <div className={classes["subtitle"]}>{subtitle}</div>}
        </div>
        <div className={classes["tools"]}>
          {menu && (
            <Menu position="bottom-end" withinPortal>
              <Menu.Target>
                <ActionIcon aria-label={t("card.more")}>
                  <IconDots size={16} />
                </ActionIcon>
              </Menu.Target>
              <Menu.Dropdown>{menu}</Menu.Dropdown>
            </Menu>
          )}
          <NavButtons />
        </div>
      </div>
      {facts && facts.length > 0 && (
        <dl className={classes["facts"]}>
          {facts.map((fact) => (
            <div key={fact.label}>
              <dt>{fact.label}</dt>
              <dd className={fact.tone}>{fact.value || "–"}</dd>
            </div>
          ))}
        </dl>
      )}
      {actions && <div className={classes["actions"]}>{actions}</div>}
      {banner}
      <div className={classes["body"]}>
        <div className={classes["fields"]}>{fields}</div>
        <div className={classes["content"]}>
          <div role="tablist" className={classes["tabs"]} aria-label={kind}>
            {tabs.map((tab) => (
              <button
                key={tab.id}
                type="button"
                role="tab"
                id={`tab-${tab.id}`}
                aria-selected={tab.id === current?.id}
                aria-controls="card-tab"
                onClick={() => {
                  setLocal(tab.id);
                  set({ tab: tab.id === tabs[0]?.id ? undefined : tab.id });
                }}
              >
                {tab.label}
                {tab.count !== undefined && tab.count > 0 && <span>{tab.count}</span>}
              </button>
            ))}
          </div>
          <div
            role="tabpanel"
            id="card-tab"
            aria-labelledby={`tab-${current?.id}`}
            className={classes["panel"]}
          >
            {current?.content}
          </div>
        </div>
      </div>
    </>
  );
}

function useCardNavigation() {
  const { ids, path } = useListOrder();
  const { id } = useParams({ strict: false }) as { id?: string };
  const navigate = useNavigate();
  const index = ids.indexOf(id ?? "");
  const go = (to: string): void =>
    void navigate({
      to: `${path}/$id`,
      params: { id: to },
      search: ((s: object) => s) as never,
      replace: true,
    } as never);
  return {
    close: () =>
      void navigate({
        to: path,
        search: ((s: Record<string, string>) => ({ ...s, full: undefined, tab: undefined })) as never,
      } as never),
    step:
      index >= 0
        ? (by: number) => {
            const next = ids[index + by];
            if (next) {
              go(next);
            }
          }
        : undefined,
    first: index === 0,
    last: index === ids.length - 1,
  };
}

function NavButtons() {
  const nav = useCardNavigation();
  const { search, set } = useListState();
  const full = search["full"] !== undefined;
  return (
    <>
      {nav.step && (
        <>
          <Tooltip label={`${t("card.previous")}  [`}>
            <ActionIcon aria-label={t("card.previous")} disabled={nav.first} onClick={() => nav.step?.(-1)}>
              <IconArrowUp size={16} />
            </ActionIcon>
          </Tooltip>
          <Tooltip label={`${t("card.next")}  ]`}>
            <ActionIcon aria-label={t("card.next")} disabled={nav.last} onClick={() => nav.step?.(1)}>
              <IconArrowDown size={16} />
            </ActionIcon>
          </Tooltip>
        </>
      )}
      <Tooltip label={full ? t("card.beside") : t("card.full")}>
        <ActionIcon
          className={classes["expand"] ?? ""}
          aria-label={full ? t("card.beside") : t("card.full")}
          onClick={() => set({ full: full ? undefined : "1" })}
        >
          <IconExpand size={15} />
        </ActionIcon>
      </Tooltip>
      <Tooltip label={`${t("common.close")}  Esc`}>
        <ActionIcon aria-label={t("common.close")} onClick={nav.close}>
          <IconX size={16} />
        </ActionIcon>
      </Tooltip>
    </>
  );
}

/** A group of fields with a heading. */
export function FieldGroup({ title, children }: { title?: string; children: ReactNode }) {
  return (
    <section className={classes["group"]}>
      {title && <h3>{title}</h3>}
      {children}
    </section>
  );
}
