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

/** A handover of a leaver's records (ID-2); counts come as text. */
export interface Handover {
  id: string;
  userId: string;
  successorId: string;
  state:
    "HANDOVER_STATE_RUNNING" | "HANDOVER_STATE_DONE" | "HANDOVER_STATE_REVERTING" | "HANDOVER_STATE_REVERTED";
  moved: string;
  left: string;
  returned: string;
  kept: string;
  createTime: string;
  revertibleUntil: string;
}

/** A record that did not go where it should. */
export interface HandoverRecord {
  kind: string;
  recordId: string;
  name: string;
  reason: string;
}

const running = (h: Handover): boolean =>
  h.state === "HANDOVER_STATE_RUNNING" || h.state === "HANDOVER_STATE_REVERTING";

/** How many handovers there are, exactly up to 10,000. */
export const handoverCountOptions = queryOptions({
  queryKey: ["handover", "count"],
  queryFn: async ({ signal }) => (await call(api.GET("/v1/handovers:count", { signal }))).count ?? 0,
});

/** The last handovers, looked at again while one is on its way. */
export const handoversOptions = queryOptions({
  queryKey: ["handover", "last"],
  queryFn: async ({ signal }) =>
    ((await call(api.GET("/v1/handovers", { params: { query: { pageSize: 20 } }, signal }))).handovers ??
      []) as unknown as Handover[],
  refetchInterval: (query) => (query.state.data?.some(running) ? 1500 : false),
});

/** The records of a handover that stayed where they were. */
export const handoverRecordsOptions = (id: string) =>
  queryOptions({
    queryKey: ["handover", id, "stayed"],
    queryFn: async ({ signal }) =>
      ((
        await call(
          api.GET("/v1/handovers/{id}/records", {
            params: { path: { id }, query: { pageSize: 500, filter: "state = left OR state = kept" } },
            signal,
          }),
        )
      ).records ?? []) as unknown as HandoverRecord[],
  });

/** An OpenID Connect provider that users sign in with (ID-7). */
export interface OidcProvider {
  id: string;
  name: string;
  issuer: string;
  clientId: string;
  clientSecretSet?: boolean;
  emailDomains?: string[];
  createUsers?: boolean;
  defaultRoleIds?: string[];
  departmentId?: string;
  roleClaim?: string;
  roleMappings?: { value: string; roleId: string }[];
  secondFactorAtProvider?: boolean;
  active?: boolean;
  redirectUri: string;
  signInUri: string;
  etag: string;
}

/** The organisation's providers, by name. */
export const providersOptions = queryOptions({
  queryKey: ["oidcProvider", "all"],
  queryFn: async ({ signal }) =>
    ((await call(api.GET("/v1/oidcProviders", { signal }))).oidcProviders ?? []) as unknown as OidcProvider[],
});
