import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, createRootRoute, createRouter, RouterProvider } from "@tanstack/react-router";
import { render, type RenderResult } from "@testing-library/react";
import axe from "axe-core";
import type { ReactNode } from "react";
import { expect } from "vitest";
import { theme } from "../src/app/theme";

/** Renders with all that components expect around them. */
export async function show(children: ReactNode): Promise<RenderResult & { client: QueryClient }> {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: Infinity } } });
  client.setQueryData(["me"], {
    user: { id: "u1", name: "Ann Lee" },
    roles: [],
    permissions: Object.fromEntries(
      ["deal", "lead", "company", "contact"].map((kind) => [
        kind,
        { actions: { view: "SCOPE_ALL", update: "SCOPE_ALL", create: "SCOPE_ALL" } },
      ]),
    ),
    settings: { baseCurrency: "EUR", timeZone: "Europe/Berlin" },
  });
  client.setQueryData(
    ["user", "all"],
    [
      { id: "u1", name: "Ann Lee", active: true },
      { id: "u2", name: "Ben Brandt", active: true },
    ],
  );
  const root = createRootRoute({ component: () => children });
  const router = createRouter({ routeTree: root, history: createMemoryHistory({ initialEntries: ["/"] }) });
  await router.load();
  const result = render(
    <MantineProvider theme={theme} env="test">
      <QueryClientProvider client={client}>
        <RouterProvider router={router as never} />
      </QueryClientProvider>
    </MantineProvider>,
  );
  return { ...result, client };
}

/** Fails when axe finds anything; colours are left to the browser journeys, jsdom draws none. */
export async function expectAccessible(element: Element): Promise<void> {
  const { violations } = await axe.run(element, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    rules: {
      "color-contrast": { enabled: false },
      region: { enabled: false },
      "page-has-heading-one": { enabled: false },
    },
  });
  expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`)).toEqual([]);
}
