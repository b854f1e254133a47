import createClient from "openapi-fetch";
import { ApiError, toApiError } from "./errors";
import type { paths } from "./schema";
import { session } from "./session";

/** Sends a request as the signed-in user; renews the token and tries once more when it is refused as expired. */
export async function authorizedFetch(request: Request): Promise<Response> {
  const again = request.clone();
  const first = await send(request, await session.token());
  if (first.status !== 401 || !session.signedIn) {
    return first;
  }
  return (await session.renew()) ? send(again, await session.token()) : first;
}

async function send(request: Request, token: string): Promise<Response> {
  if (token) {
    request.headers.set("Authorization", `Bearer ${token}`);
  }
  try {
    return await fetch(request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") {
      throw error;
    }
    throw new ApiError(0, { title: "The server cannot be reached." });
  }
}

/** A header that makes a repeated request have one effect and the same answer. */
export function idempotent(key: string | undefined): { headers?: Record<string, string> } {
  return key ? { headers: { "Idempotency-Key": key } } : {};
}

/** The client of the REST API, typed by the OpenAPI document. */
export const api = createClient<paths>({
  // An absolute address, because Request wants one outside of browsers.
  baseUrl: globalThis.location?.origin ?? "http://localhost",
  fetch: authorizedFetch,
});

/** Resolves to the body of a successful answer; throws ApiError for any other. */
export async function call<T>(
  answer: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<NonNullable<T>> {
  const { data, error, response } = await answer;
  if (!response.ok || data === undefined || data === null) {
    throw toApiError(response, error);
  }
  return data;
}
