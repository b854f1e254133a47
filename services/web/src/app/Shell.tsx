import { ActionIcon, Menu, Tooltip, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { can, meOptions, useMe } from "../api/directory";
import { session } from "../api/session";
import { t } from "../i18n";
import { IconDots, IconLogout, IconMoon, IconSearch, IconSun, IconUser } from "../parts/icons";
import { ErrorNote, SkeletonRows } from "../parts/notes";
import { useShortcuts } from "../parts/shortcuts";
import { LiveDot, LiveProvider } from "./live";
import { nav } from "./nav";
import classes from "./shell.module.css";

const Palette = lazy(() => import("./Palette").then((m) => ({ default: m.Palette })));
const ShortcutHelp = lazy(() => import("./ShortcutHelp").then((m) => ({ default: m.ShortcutHelp })));

/** The frame around every screen. It waits for the user and the settings, which everything below may use. */
export function Shell() {
  const me = useQuery(meOptions);
  if (me.error) {
    return (
      <div style={{ padding: 32, maxWidth: 560 }}>
        <ErrorNote error={me.error} retry={() => void me.refetch()} />
      </div>
    );
  }
  if (!me.data) {
    return <SkeletonRows count={20} />;
  }
  return (
    <LiveProvider>
      <Frame />
    </LiveProvider>
  );
}

function Frame() {
  const me = useMe();
  const navigate = useNavigate();
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  const entries = nav.filter((entry) => !entry.kind || can(me, entry.kind, "view"));
  const pending = useRouterState({ select: (s) => s.isLoading });
  const path = useRouterState({ select: (s) => s.location.pathname });
  const goKey = useRef(0);

  // `g` and then a letter goes to a screen.
  const goKeys = Object.fromEntries(
    entries.map((entry) => [
      entry.key,
      () => {
        if (Date.now() - goKey.current < 1200) {
          goKey.current = 0;
          void navigate({ to: entry.to });
        }
      },
    ]),
  );
  useShortcuts({
    ...goKeys,
    g: () => (goKey.current = Date.now()),
    "mod+k": () => setPalette(true),
    "/": () => setPalette(true),
    "?": () => setHelp(true),
  });
  useTitle(path);

  return (
    <div className={classes["frame"]}>
      <a href="#main" className={classes["skip"]}>
        {t("app.skip")}
      </a>
      <nav className={classes["nav"]} aria-label={t("nav.title")}>
        <Link to="/" className={classes["brand"] ?? ""} aria-label="Kontor">
          <img src="/icon.svg" alt="" width={22} height={22} />
          <span>Kontor</span>
        </Link>
        <ul>
          {entries.map((entry) => (
            <li key={entry.to} data-phone={entry.phone || undefined}>
              <Link
                to={entry.to}
                activeOptions={{ exact: entry.to === "/", includeSearch: false }}
                title={t(entry.label)}
                aria-label={t(entry.label)}
              >
                <entry.icon size={18} stroke={1.6} />
                <span>{t(entry.label)}</span>
              </Link>
            </li>
          ))}
          <li className={classes["phoneMore"]}>
            <Menu position="top-end" withinPortal>
              <Menu.Target>
                <button type="button">
                  <IconDots size={18} stroke={1.6} />
                  <span>{t("nav.more")}</span>
                </button>
              </Menu.Target>
              <Menu.Dropdown>
                {entries
                  .filter((entry) => !entry.phone)
                  .map((entry) => (
                    <Menu.Item
                      key={entry.to}
                      leftSection={<entry.icon size={16} />}
                      onClick={() => void navigate({ to: entry.to })}
                    >
                      {t(entry.label)}
                    </Menu.Item>
                  ))}
              </Menu.Dropdown>
            </Menu>
          </li>
        </ul>
        <LiveDot />
      </nav>
      <header className={classes["header"]}>
        <span className={classes["org"]}>{me.settings.name}</span>
        <button type="button" className={classes["find"]} onClick={() => setPalette(true)}>
          <IconSearch size={15} />
          <span>{t("palette.hint")}</span>
          <kbd>{/Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘K" : "Ctrl K"}</kbd>
        </button>
        <SchemeSwitch />
        <UserMenu onHelp={() => setHelp(true)} />
      </header>
      <main id="main" className={classes["main"]} tabIndex={-1} aria-busy={pending}>
        <Outlet />
      </main>
      <Suspense fallback={null}>
        {palette && <Palette onClose={() => setPalette(false)} onHelp={() => setHelp(true)} />}
        {help && <ShortcutHelp onClose={() => setHelp(false)} />}
      </Suspense>
    </div>
  );
}

function useTitle(path: string): void {
  useEffect(() => {
    const entry = nav.find((e) => e.to !== "/" && path.startsWith(e.to)) ?? nav[0];
    document.title = entry ? `${t(entry.label)} · Kontor` : "Kontor";
  }, [path]);
}

function SchemeSwitch() {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme("light");
  const next = scheme === "dark" ? "light" : "dark";
  return (
    <Tooltip label={t(`scheme.${next}`)}>
      <ActionIcon aria-label={t(`scheme.${next}`)} onClick={() => setColorScheme(next)}>
        {scheme === "dark" ? <IconSun size={17} /> : <IconMoon size={17} />}
      </ActionIcon>
    </Tooltip>
  );
}

function UserMenu({ onHelp }: { onHelp: () => void }) {
  const me = useMe();
  const navigate = useNavigate();
  const initials = me.user.name
    .split(/\s+/)
    .map((part) => part[0])
    .slice(0, 2)
    .join("")
    .toUpperCase();
  return (
    <Menu position="bottom-end" withinPortal width={220}>
      <Menu.Target>
        <button
          type="button"
          className={classes["avatar"]}
          aria-label={t("user.menu", { name: me.user.name })}
        >
          {initials || <IconUser size={15} />}
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {me.user.name}
          <br />
          {me.user.email}
        </Menu.Label>
        <Menu.Item onClick={() => void navigate({ to: "/settings/sessions" })}>{t("user.account")}</Menu.Item>
        <Menu.Item onClick={onHelp}>{t("help.title")}</Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={15} />} onClick={() => void session.signOut()}>
          {t("user.signOut")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
