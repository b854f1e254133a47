import { afterEach, describe, expect, test } from "vitest";
import { Session } from "../api/session";
import { signInOrganization, takeExternalReturn } from "./external";

const open = (address: string): void => window.history.replaceState(null, "", address);

afterEach(() => {
  localStorage.clear();
  open("/");
});

// ID-7: the way back from a provider.
describe("external sign-in", () => {
  test("what the provider sends is taken out of the address", () => {
    open("/sign-in/p1?state=s&code=c&iss=https%3A%2F%2Flogin.example.com");
    expect(takeExternalReturn()).toEqual({
      providerId: "p1",
      state: "s",
      code: "c",
      error: "",
      iss: "https://login.example.com",
    });
    expect(window.location.pathname + window.location.search).toBe("/");
    expect(takeExternalReturn()).toBeUndefined();
  });

  test("other addresses are left alone", () => {
    open("/deals?state=open");
    expect(takeExternalReturn()).toBeUndefined();
    expect(window.location.search).toBe("?state=open");
  });

  test("an organisation's sign-in screen is remembered", () => {
    open("/sign-in?organization=o1");
    expect(takeExternalReturn()).toBeUndefined();
    expect(signInOrganization()).toBe("o1");
  });

  test("a code of the second factor is asked for before anything is remembered", async () => {
    const answers = [
      { accessToken: "", secondFactorNeeded: true },
      { accessToken: "a", expireTime: "2026-11-21T12:00:00Z", recoveryCodes: ["r"] },
    ];
    const session = new Session((() => Promise.resolve(Response.json(answers.shift()))) as typeof fetch);
    const first = await session.completeExternal({ providerId: "p1", state: "s", code: "c" });
    expect(first).toMatchObject({ done: false, recoveryCodes: [] });
    expect(localStorage.getItem("kontor.session")).toBeNull();
    const done = await session.completeExternal({ providerId: "p1", secondFactorCode: "123456" });
    expect(done).toMatchObject({ done: true, recoveryCodes: ["r"] });
    expect(localStorage.getItem("kontor.session")).toBe("yes");
  });
});
