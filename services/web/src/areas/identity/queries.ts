import { queryOptions } from "@tanstack/react-query";
import { api, call } from "../../api/client";
import type { ApiKey, Role, ServiceAccount, Settings, UserSession } from "../../api/model";

/** The roles there are. */
export const rolesOptions = queryOptions({
  queryKey: ["role", "all"],
  queryFn: async ({ signal }) =>
    ((await call(api.GET("/v1/roles", { params: { query: { pageSize: 100 } }, signal }))).roles ??
      []) as unknown as Role[],
  staleTime: 60_000,
});

/** The organisation's settings. */
export const settingsOptions = queryOptions({
  queryKey: ["settings"],
  queryFn: async ({ signal }) =>
    (await call(api.GET("/v1/settings", { signal }))).settings as unknown as Settings,
});

/** The caller's sessions, last used first. */
export const sessionsOptions = queryOptions({
  queryKey: ["session", "all"],
  queryFn: async ({ signal }) =>
    ((await call(api.GET("/v1/sessions", { params: { query: { pageSize: 100 } }, signal }))).sessions ??
      []) as unknown as UserSession[],
});

/** Service accounts and their keys. */
export const keysOptions = queryOptions({
  queryKey: ["apiKey", "all"],
  queryFn: async ({ signal }) => {
    const [accounts, keys] = await Promise.all([
      call(api.GET("/v1/serviceAccounts", { params: { query: { pageSize: 200 } }, signal })),
      call(
        api.GET("/v1/apiKeys", { params: { query: { pageSize: 200, orderBy: "create_time desc" } }, signal }),
      ),
    ]);
    return {
      accounts: (accounts.serviceAccounts ?? []) as unknown as ServiceAccount[],
      keys: (keys.apiKeys ?? []) as unknown as ApiKey[],
    };
  },
});
