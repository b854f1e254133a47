import { Select } from "@mantine/core";
import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect } from "react";
import { can, useMe } from "../../api/directory";
import { t, type MessageKey } from "../../i18n";
import classes from "./identity.module.css";

interface Entry {
  to: string;
  label: MessageKey;
  kind?: string;
}

const ENTRIES: Entry[] = [
  { to: "/settings/users", label: "settings.users", kind: "user" },
  { to: "/settings/departments", label: "settings.departments", kind: "department" },
  { to: "/settings/roles", label: "settings.roles", kind: "role" },
  { to: "/settings/organization", label: "settings.organization", kind: "settings" },
  { to: "/settings/pipelines", label: "settings.pipelines", kind: "deal" },
  { to: "/settings/leads", label: "settings.leads", kind: "lead" },
  { to: "/settings/fields", label: "settings.customFields" },
  { to: "/settings/currencies", label: "settings.currencies", kind: "product" },
  { to: "/settings/import", label: "settings.import" },
  { to: "/settings/duplicates", label: "settings.duplicates" },
  { to: "/settings/providers", label: "settings.providers", kind: "settings" },
  { to: "/settings/api-keys", label: "settings.apiKeys", kind: "settings" },
  { to: "/settings/audit", label: "settings.audit", kind: "audit" },
  { to: "/settings/sessions", label: "settings.sessions" },
];

/** The settings beside the one that is open. */
export function SettingsPage() {
  const me = useMe();
  const navigate = useNavigate();
  const path = useRouterState({ select: (s) => s.location.pathname });
  const entries = ENTRIES.filter((entry) => !entry.kind || can(me, entry.kind, "view"));
  const first = entries[0]?.to;
  const bare = path === "/settings" || path === "/settings/";
  useEffect(() => {
    if (bare && first) {
      void navigate({ to: first, replace: true });
    }
  }, [bare, first, navigate]);
  const current = entries.find((entry) => path.startsWith(entry.to));
  return (
    <div className={classes["page"]}>
      <nav className={classes["list"]} aria-label={t("nav.settings")}>
        <h2>{t("nav.settings")}</h2>
        {entries.map((entry) => (
          <Link key={entry.to} to={entry.to}>
            {t(entry.label)}
          </Link>
        ))}
      </nav>
      <div className={classes["body"]}>
        <Select
          className={classes["pick"] ?? ""}
          aria-label={t("nav.settings")}
          size="sm"
          data={entries.map((entry) => ({ value: entry.to, label: t(entry.label) }))}
          value={current?.to ?? null}
          allowDeselect={false}
          onChange={(to) => to && void navigate({ to })}
        />
        <div className={classes["content"]}>
          {current && <h1>{t(current.label)}</h1>}
          <Outlet />
        </div>
      </div>
    </div>
  );
}
