import { localStorageColorSchemeManager, MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";
import { ApiError } from "../api/errors";
import { session } from "../api/session";
import { t } from "../i18n";
import { Empty, ErrorNote } from "../parts/notes";
import { Toasts } from "../parts/toasts";
import { takeExternalReturn } from "./external";
import { makeRouter } from "./router";
import { SignIn } from "./SignIn";
import { theme } from "./theme";

// Few come by a link sent by mail.
const LinkPage = lazy(() => import("./LinkPage").then((m) => ({ default: m.LinkPage })));

// Nor by way of a provider.
const ExternalPage = lazy(() => import("./ExternalPage").then((m) => ({ default: m.ExternalPage })));

const colorScheme = localStorageColorSchemeManager({ key: "kontor.scheme" });

function makeClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 15_000,
        gcTime: 10 * 60_000,
        // Live changes come over the stream; a window that gets the focus has nothing to ask for.
        refetchOnWindowFocus: false,
        retry: (count, error) => count < 2 && (!(error instanceof ApiError) || error.transient),
      },
    },
  });
}

/** The whole client: signed out it is the sign-in screen, signed in the shell at the address asked for. */
export function App() {
  const [client] = useState(makeClient);
  const [back] = useState(takeExternalReturn); // before the router looks at the address
  const [router] = useState(() => makeRouter(client));
  const [state, setState] = useState<"starting" | "in" | "out">("starting");
  const [error, setError] = useState<unknown>();
  const [linked] = useState(() => window.location.pathname === "/link" && window.location.hash.length > 1);
  const elsewhere = linked || back !== undefined;

  const start = (): void => {
    session
      .renew()
      .then((signedIn) => setState(signedIn ? "in" : "out"))
      .catch(setError);
  };
  useEffect(start, []);
  useEffect(
    () =>
      session.subscribe((signedIn) => {
        if (!signedIn) {
          client.clear();
        }
        setState(signedIn ? "in" : "out");
      }),
    [client],
  );

  return (
    <MantineProvider theme={theme} colorSchemeManager={colorScheme} defaultColorScheme="auto">
      <QueryClientProvider client={client}>
        {linked && (
          <Suspense>
            <LinkPage />
          </Suspense>
        )}
        {back && (
          <Suspense>
            <ExternalPage back={back} />
          </Suspense>
        )}
        {!elsewhere && state === "in" && <RouterProvider router={router} />}
        {!elsewhere && state === "out" && <SignIn />}
        {!elsewhere && state === "starting" && error !== undefined && (
          <Empty
            title={t("app.notReached")}
            action={
              <ErrorNote
                error={error}
                retry={() => {
                  setError(undefined);
                  start();
                }}
              />
            }
          />
        )}
        <Toasts />
      </QueryClientProvider>
    </MantineProvider>
  );
}
