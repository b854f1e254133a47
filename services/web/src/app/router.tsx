import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  type ErrorComponentProps,
} from "@tanstack/react-router";
import { t } from "../i18n";
import { Empty, ErrorNote, SkeletonRows } from "../parts/notes";
import { Shell } from "./Shell";

interface Context {
  client: QueryClient;
}

/** Makes the router: one lazy chunk per area, plain text in the query string. */
export function makeRouter(client: QueryClient) {
  const root = createRootRouteWithContext<Context>()({
    component: Shell,
    notFoundComponent: NotFound,
    // Lists keep their filters as plain words in the address; whatever else stands there is passed on.
    validateSearch: (search: Record<string, unknown>): Record<string, string | undefined> =>
      Object.fromEntries(Object.entries(search).map(([key, value]) => [key, String(value)])),
  });
  const at = (path: string, component: ReturnType<typeof lazyRouteComponent>) =>
    createRoute({ getParentRoute: () => root, path, component });
  const list = (
    path: string,
    page: ReturnType<typeof lazyRouteComponent>,
    card: ReturnType<typeof lazyRouteComponent>,
  ) => {
    const parent = at(path, page);
    return parent.addChildren([createRoute({ getParentRoute: () => parent, path: "$id", component: card })]);
  };
  const contacts = () => import("../areas/contacts/routes");
  const deals = () => import("../areas/deals/routes");
  const catalog = () => import("../areas/catalog/routes");
  const reporting = () => import("../areas/reporting/routes");
  const identity = () => import("../areas/identity/routes");

  const reports = at("/reports", lazyRouteComponent(reporting, "ReportsPage"));
  const settings = at("/settings", lazyRouteComponent(identity, "SettingsPage"));
  const setting = (path: string, component: ReturnType<typeof lazyRouteComponent>) =>
    createRoute({ getParentRoute: () => settings, path, component });

  const tree = root.addChildren([
    at(
      "/",
      lazyRouteComponent(() => import("./MyDay"), "MyDay"),
    ),
    list("/leads", lazyRouteComponent(contacts, "LeadsPage"), lazyRouteComponent(contacts, "LeadCard")),
    at("/screening", lazyRouteComponent(contacts, "ScreeningPage")),
    list("/deals", lazyRouteComponent(deals, "DealsPage"), lazyRouteComponent(deals, "DealCard")),
    list(
      "/companies",
      lazyRouteComponent(contacts, "CompaniesPage"),
      lazyRouteComponent(contacts, "CompanyCard"),
    ),
    list(
      "/contacts",
      lazyRouteComponent(contacts, "ContactsPage"),
      lazyRouteComponent(contacts, "ContactCard"),
    ),
    list(
      "/products",
      lazyRouteComponent(catalog, "ProductsPage"),
      lazyRouteComponent(catalog, "ProductCard"),
    ),
    at(
      "/search",
      lazyRouteComponent(() => import("../areas/search/routes"), "SearchPage"),
    ),
    reports.addChildren([
      createRoute({
        getParentRoute: () => reports,
        path: "$report",
        component: lazyRouteComponent(reporting, "ReportPage"),
      }),
    ]),
    settings.addChildren([
      setting("users", lazyRouteComponent(identity, "UsersPage")),
      setting("departments", lazyRouteComponent(identity, "DepartmentsPage")),
      setting("roles", lazyRouteComponent(identity, "RolesPage")),
      setting("organization", lazyRouteComponent(identity, "OrganizationPage")),
      setting("pipelines", lazyRouteComponent(deals, "PipelinesPage")),
      setting("leads", lazyRouteComponent(contacts, "LeadSettingsPage")),
      setting(
        "fields",
        lazyRouteComponent(() => import("../areas/customfields/routes"), "CustomFieldsPage"),
      ),
      setting("duplicates", lazyRouteComponent(contacts, "DuplicatesPage")),
      setting("currencies", lazyRouteComponent(catalog, "CurrenciesPage")),
      setting("providers", lazyRouteComponent(identity, "ProvidersPage")),
      setting("api-keys", lazyRouteComponent(identity, "ApiKeysPage")),
      setting("audit", lazyRouteComponent(identity, "AuditPage")),
      setting("sessions", lazyRouteComponent(identity, "SessionsPage")),
      setting(
        "import",
        lazyRouteComponent(() => import("../areas/imports/routes"), "ImportPage"),
      ),
    ]),
  ]);

  return createRouter({
    routeTree: tree,
    context: { client },
    defaultPreload: "intent",
    defaultPreloadDelay: 60,
    defaultPendingComponent: () => <SkeletonRows count={20} />,
    defaultPendingMs: 150,
    defaultErrorComponent: RouteError,
    parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
    stringifySearch: (search) => {
      const entries = Object.entries(search).filter(([, value]) => value !== undefined && value !== "") as [
        string,
        string,
      ][];
      const text = new URLSearchParams(entries).toString();
      return text ? `?${text}` : "";
    },
  });
}

function NotFound() {
  return <Empty title={t("app.noPage")}>{t("app.noPageText")}</Empty>;
}

function RouteError({ error, reset }: ErrorComponentProps) {
  return (
    <div style={{ padding: 24, maxWidth: 560 }}>
      <ErrorNote error={error} retry={reset} />
    </div>
  );
}
