import type { ExternalReturn } from "../api/session";

const ORGANIZATION = "kontor.organization";

/**
 * Takes what a provider sent the browser back with out of the address, so that it stays neither on the screen nor in the
 * history; and notes the organisation whose sign-in screen was asked for (ID-7).
 */
export function takeExternalReturn(): ExternalReturn | undefined {
  const { pathname, search } = window.location;
  if (pathname !== "/sign-in" && !pathname.startsWith("/sign-in/")) {
    return undefined;
  }
  window.history.replaceState(null, "", "/");
  const given = new URLSearchParams(search);
  const organization = given.get("organization");
  if (organization) {
    localStorage.setItem(ORGANIZATION, organization);
  }
  const providerId = pathname.slice("/sign-in/".length);
  if (!providerId || !given.has("state")) {
    return undefined;
  }
  const back: ExternalReturn = { providerId };
  for (const name of ["state", "code", "error", "iss"] as const) {
    back[name] = given.get(name) ?? "";
  }
  return back;
}

/** The organisation whose sign-in screen was last asked for in this browser. */
export function signInOrganization(): string {
  return localStorage.getItem(ORGANIZATION) ?? "";
}
