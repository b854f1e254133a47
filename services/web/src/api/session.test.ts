import { describe, expect, test } from "vitest";
import { ApiError } from "./errors";
import { Session } from "./session";

function answering(...answers: Response[]) {
  const calls: { path: string; body: unknown; headers: Record<string, string> }[] = [];
  const fetcher = (path: string, init: RequestInit): Promise<Response> => {
    calls.push({
      path,
      body: JSON.parse(String(init.body)),
      headers: init.headers as Record<string, string>,
    });
    const answer = answers.shift();
    return answer ? Promise.resolve(answer) : Promise.reject(new TypeError("offline"));
  };
  return { calls, fetcher: fetcher as unknown as typeof fetch };
}

const tokens = (token: string, seconds: number, now: number): Response =>
  Response.json({ accessToken: token, expireTime: new Date(now + seconds * 1000).toISOString() });
const NOW = Date.parse("2026-11-21T12:00:00Z");

// ID-7: short-lived tokens in memory, renewed by the cookie.
describe("session", () => {
  test("signs in and says that it is a browser", async () => {
    const { calls, fetcher } = answering(tokens("a", 600, NOW));
    const session = new Session(fetcher, () => NOW);
    await session.signIn("ann@example.com", "secret");
    expect(await session.token()).toBe("a");
    expect(calls[0]).toMatchObject({
      path: "/v1/sessions",
      body: { email: "ann@example.com", password: "secret" },
      headers: { "X-Kontor-Client": "browser" },
    });
  });

  test("renews shortly before the token expires, once for all who wait", async () => {
    let now = NOW;
    const { calls, fetcher } = answering(tokens("a", 600, NOW), tokens("b", 1200, NOW));
    const session = new Session(fetcher, () => now);
    await session.signIn("ann@example.com", "secret");
    now += 560_000;
    expect(await Promise.all([session.token(), session.token()])).toEqual(["b", "b"]);
    expect(calls).toHaveLength(2);
  });

  test("a refused renewal ends the session", async () => {
    let now = NOW;
    const { fetcher } = answering(
      tokens("a", 600, NOW),
      Response.json({ status: 401, reason: "REFRESH_TOKEN_INVALID" }, { status: 401 }),
    );
    const session = new Session(fetcher, () => now);
    const states: boolean[] = [];
    session.subscribe((signedIn) => states.push(signedIn));
    await session.signIn("ann@example.com", "secret");
    now += 700_000;
    expect(await session.token()).toBe("");
    expect(states).toEqual([true, false]);
  });

  test("a server that is away does not end the session", async () => {
    let now = NOW;
    const { fetcher } = answering(tokens("a", 600, NOW));
    const session = new Session(fetcher, () => now);
    await session.signIn("ann@example.com", "secret");
    now += 700_000;
    await expect(session.token()).rejects.toBeInstanceOf(ApiError);
    expect(session.signedIn).toBe(true);
  });

  test("a browser that was never signed in asks for nothing", async () => {
    const { calls, fetcher } = answering();
    expect(await new Session(fetcher, () => NOW).renew()).toBe(false);
    expect(calls).toHaveLength(0);
  });

  test("a person of several organisations is asked which", async () => {
    const { fetcher } = answering(
      Response.json({ accessToken: "", organizations: [{ id: "o1", name: "One" }] }),
    );
    const session = new Session(fetcher, () => NOW);
    expect((await session.signIn("ann@example.com", "secret")).organizations).toEqual([
      { id: "o1", name: "One" },
    ]);
    expect(session.signedIn).toBe(false);
  });

  test("a refusal carries its reason and the time to wait", async () => {
    const { fetcher } = answering(
      Response.json(
        { status: 429, reason: "SIGN_IN_LIMITED", detail: "too many", retryAfterSeconds: 30 },
        { status: 429 },
      ),
    );
    const failure = await new Session(fetcher, () => NOW).signIn("a", "b").catch((error: unknown) => error);
    expect(failure).toMatchObject({ reason: "SIGN_IN_LIMITED", retryAfter: 30 });
  });
});
