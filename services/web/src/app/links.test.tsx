import { fireEvent, screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { expectAccessible, show } from "../../test/render";
import { ForgotPassword } from "./ForgotPassword";
import { LinkPage } from "./LinkPage";

// A machine that is busy draws slowly.
const patience = { timeout: 5000 };

const post = vi.hoisted(() => vi.fn());
vi.mock("../api/client", () => ({ api: { POST: post }, call: (answer: unknown) => answer }));

beforeEach(() => {
  post.mockReset();
  window.history.replaceState(null, "", "/link#the-token");
});

const bodyOf = (path: string): unknown =>
  (post.mock.calls.find(([to]) => to === path)?.[1] as { body: unknown } | undefined)?.body;

// ID-12: an invitation leads to the choice of a password, and the token stays out of sight.
test("a link to choose a password", async () => {
  post.mockImplementation((path: string) =>
    Promise.resolve(
      path === "/v1/links:lookUp"
        ? {
            purpose: "LINK_PURPOSE_INVITATION",
            email: "ann@acme.example",
            userName: "Ann",
            organizationName: "Acme",
          }
        : { email: "ann@acme.example" },
    ),
  );
  await show(<LinkPage />);
  expect(await screen.findByText("Welcome, Ann", {}, patience)).toBeTruthy();
  expect(window.location.hash).toBe("");
  await expectAccessible(document.body);
  fireEvent.change(screen.getByLabelText("New password"), { target: { value: "amber-falcon-7" } });
  fireEvent.click(screen.getByRole("button", { name: "Set password" }));
  expect(await screen.findByText("Your password is set", {}, patience)).toBeTruthy();
  expect(bodyOf("/v1/links:setPassword")).toEqual({ token: "the-token", password: "amber-falcon-7" });
});

// ID-12: a new address is changed by a click, not by looking at the link.
test("a link to confirm an address", async () => {
  post.mockImplementation((path: string) =>
    Promise.resolve(
      path === "/v1/links:lookUp"
        ? { purpose: "LINK_PURPOSE_EMAIL_CHANGE", email: "new@acme.example" }
        : { email: "new@acme.example" },
    ),
  );
  await show(<LinkPage />);
  const confirm = await screen.findByRole("button", { name: "Confirm" }, patience);
  expect(bodyOf("/v1/links:confirmEmail")).toBeUndefined();
  fireEvent.click(confirm);
  await waitFor(() => expect(bodyOf("/v1/links:confirmEmail")).toEqual({ token: "the-token" }));
});

// ID-12: a link that does not work says so.
test("a link that was used", async () => {
  post.mockImplementation(() => Promise.reject(new Error("the link does not work any more")));
  await show(<LinkPage />);
  expect((await screen.findByRole("alert", {}, patience)).textContent).not.toBe("");
});

// ID-12: what the screen says does not tell whether there is such an account.
test("a forgotten password", async () => {
  post.mockImplementation(() => Promise.resolve({}));
  await show(<ForgotPassword email="ann@acme.example" onBack={() => undefined} />);
  fireEvent.click(screen.getByRole("button", { name: "Send me a link" }));
  expect((await screen.findByRole("status", {}, patience)).textContent).toContain("If there is an account");
  expect(bodyOf("/v1/links:requestPasswordReset")).toEqual({ email: "ann@acme.example" });
});
