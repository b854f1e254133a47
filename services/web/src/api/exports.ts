import { authorizedFetch } from "./client";
import { toApiError } from "./errors";

/** The lists that can be exported. */
const PATHS: Record<string, string> = {
  contact: "/v1/contacts:export",
  company: "/v1/companies:export",
  lead: "/v1/leads:export",
  deal: "/v1/deals:export",
  product: "/v1/products:export",
  audit: "/v1/audit-entries:export",
};

/** Whether lists of a kind can be exported. */
export function exportable(kind: string): boolean {
  return kind in PATHS;
}

/** Downloads a list as a file, under the name the server gives it. */
export async function exportList(kind: string, query: Record<string, string>): Promise<void> {
  const url = new URL(PATHS[kind] ?? "", location.origin);
  for (const [key, value] of Object.entries(query)) {
    if (value) {
      url.searchParams.set(key, value);
    }
  }
  const response = await authorizedFetch(new Request(url));
  if (!response.ok) {
    throw toApiError(response, await response.json().catch(() => ({})));
  }
  const name = /filename="?([^";]+)"?/.exec(response.headers.get("Content-Disposition") ?? "")?.[1];
  const content = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = content;
  link.download = name ?? `${kind}s`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(content), 10_000);
}
