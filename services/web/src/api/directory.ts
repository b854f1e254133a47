import { queryOptions, useQuery } from "@tanstack/react-query";
import { api, call } from "./client";
import { setFormats } from "../parts/format";
import type { Department, Role, Settings, User } from "./model";

/** How far a permission reaches. */
export type Reach =
  "SCOPE_UNSPECIFIED" | "SCOPE_OWN" | "SCOPE_DEPARTMENT" | "SCOPE_DEPARTMENT_AND_BELOW" | "SCOPE_ALL";

/** The signed-in user with what the client needs to know of rights and settings. */
export interface Me {
  user: User;
  roles: Role[];
  permissions: Record<string, { actions: Record<string, Reach> }>;
  settings: Settings;
}

const LONG_MS = 5 * 60_000;

/** The signed-in user. */
export const meOptions = queryOptions({
  queryKey: ["me"],
  queryFn: async ({ signal }) => {
    const me = (await call(api.GET("/v1/me", { signal }))) as unknown as Me;
    // Everything shown from now on is written the way of this user and organisation.
    setFormats({ locale: me.user.locale, timeZone: me.user.timeZone || me.settings.timeZone });
    return me;
  },
  staleTime: LONG_MS,
});

/** The signed-in user; only below the shell, which waits for it. */
export function useMe(): Me {
  const { data } = useQuery(meOptions);
  if (!data) {
    throw new Error("useMe is used outside of the signed-in shell");
  }
  return data;
}

/** What can be done to records. */
type Action = "view" | "create" | "update" | "delete" | "export" | "import";

/** How far the user may do something to records of a kind; undefined if not at all. */
export function reach(me: Me, kind: string, action: Action): Reach | undefined {
  return me.permissions[kind]?.actions[action] ?? me.permissions["*"]?.actions[action];
}

/** Whether the user may do something to records of a kind at all. */
export function can(me: Me, kind: string, action: Action): boolean {
  const far = reach(me, kind, action);
  return far !== undefined && far !== "SCOPE_UNSPECIFIED";
}

/** Whether the user may do something, as a hook. */
export function useCan(kind: string, action: Action): boolean {
  return can(useMe(), kind, action);
}

async function everyPage<T>(
  read: (pageToken: string) => Promise<{ items: T[]; next: string }>,
): Promise<T[]> {
  const all: T[] = [];
  let token = "";
  do {
    const page = await read(token);
    all.push(...page.items);
    token = page.next;
  } while (token && all.length < 5000);
  return all;
}

/** Every user of the organisation, by name. */
export const usersOptions = queryOptions({
  queryKey: ["user", "all"],
  queryFn: ({ signal }) =>
    everyPage(async (pageToken) => {
      const page = await call(
        api.GET("/v1/users", { params: { query: { pageSize: 500, pageToken } }, signal }),
      );
      return { items: (page.users ?? []) as User[], next: page.nextPageToken ?? "" };
    }),
  staleTime: LONG_MS,
});

/** Every department of the organisation. */
export const departmentsOptions = queryOptions({
  queryKey: ["department", "all"],
  queryFn: ({ signal }) =>
    everyPage(async (pageToken) => {
      const page = await call(
        api.GET("/v1/departments", { params: { query: { pageSize: 500, pageToken } }, signal }),
      );
      return { items: (page.departments ?? []) as Department[], next: page.nextPageToken ?? "" };
    }),
  staleTime: LONG_MS,
});

/** Users by ID; empty until they are read. */
export function useUserNames(): Map<string, User> {
  const { data } = useQuery({ ...usersOptions, select: byId });
  return data ?? NOBODY;
}

const NOBODY = new Map<string, User>();

function byId(users: User[]): Map<string, User> {
  return new Map(users.map((user) => [user.id, user]));
}
