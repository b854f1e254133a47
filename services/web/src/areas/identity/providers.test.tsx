import { fireEvent, screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { expectAccessible, show } from "../../../test/render";
import { ExternalPage } from "../../app/ExternalPage";
import { ProvidersPage } from "./providers";

// A machine that is busy draws slowly.
const patience = { timeout: 5000 };

const net = vi.hoisted(() => ({ get: vi.fn(), post: vi.fn(), complete: vi.fn() }));
vi.mock("../../api/client", () => ({
  api: { GET: net.get, POST: net.post },
  call: (answer: unknown) => answer,
}));
vi.mock("../../api/session", () => ({ session: { completeExternal: net.complete } }));
vi.mock("../../api/directory", () => ({
  useCan: () => true,
  departmentsOptions: { queryKey: ["department"], queryFn: () => [] },
}));

beforeEach(() => {
  // Text areas grow when fonts have come; jsdom has none.
  Object.defineProperty(document, "fonts", { value: new EventTarget(), configurable: true });
  net.get.mockReset();
  net.post.mockReset();
  net.complete.mockReset();
});

// ID-7: an administrator sees what to register at the provider, and adds one.
test("providers", async () => {
  net.get.mockImplementation((path: string) =>
    Promise.resolve(
      path === "/v1/roles"
        ? { roles: [{ id: "r1", name: "Manager" }] }
        : {
            oidcProviders: [
              {
                id: "p1",
                name: "Acme",
                issuer: "https://login.acme.example",
                active: true,
                redirectUri: "https://crm.example/sign-in/p1",
                signInUri: "https://crm.example/sign-in?organization=o1",
                etag: "v1",
              },
            ],
          },
    ),
  );
  net.post.mockResolvedValue({ oidcProvider: { id: "p2" } });
  await show(<ProvidersPage />);
  expect(await screen.findByText("https://crm.example/sign-in/p1", {}, patience)).toBeTruthy();
  await expectAccessible(document.body);
  fireEvent.click(screen.getByRole("button", { name: "New provider" }));
  fireEvent.change(await screen.findByLabelText("Issuer", {}, patience), {
    target: { value: "https://login.example.com" },
  });
  fireEvent.change(screen.getByLabelText("Name"), { target: { value: "Login" } });
  fireEvent.change(screen.getByLabelText("Client ID"), { target: { value: "kontor" } });
  fireEvent.click(screen.getByLabelText("Make a user of whoever signs in for the first time"));
  fireEvent.change(screen.getByLabelText("Claim with groups"), { target: { value: "groups" } });
  fireEvent.change(screen.getByLabelText("Roles by group"), { target: { value: "cn=sales = manager" } });
  fireEvent.click(screen.getByRole("button", { name: "Create" }));
  await waitFor(() => expect(net.post).toHaveBeenCalled());
  expect(net.post).toHaveBeenCalledWith("/v1/oidcProviders", {
    body: expect.objectContaining({
      issuer: "https://login.example.com",
      clientId: "kontor",
      createUsers: true,
      roleMappings: [{ value: "cn=sales", roleId: "r1" }],
    }) as unknown,
  });
}, 30_000);

// ID-7: what went wrong at the provider is said, with a way back.
test("a refused return", async () => {
  net.complete.mockRejectedValue(new Error("the provider does not vouch for your e-mail address"));
  await show(<ExternalPage back={{ providerId: "p1", state: "s1", code: "c" }} />);
  expect(await screen.findByRole("alert", {}, patience)).toBeTruthy();
  expect(screen.getByText("Back to the sign-in screen")).toBeTruthy();
  await expectAccessible(document.body);
});

// ID-7: the second factor is asked for after the provider, as after a password.
test("a return that needs a code", async () => {
  net.complete.mockResolvedValueOnce({ done: false, setup: undefined, recoveryCodes: [] });
  net.complete.mockResolvedValueOnce({ done: true, setup: undefined, recoveryCodes: ["aaaa-bbbb"] });
  await show(<ExternalPage back={{ providerId: "p1", state: "s2", code: "c" }} />);
  fireEvent.change(await screen.findByRole("textbox", {}, patience), { target: { value: "123456" } });
  fireEvent.click(screen.getByRole("button", { name: "Sign in" }));
  expect(await screen.findByText("aaaa-bbbb", {}, patience)).toBeTruthy();
  expect(net.complete).toHaveBeenLastCalledWith({ providerId: "p1", secondFactorCode: "123456" });
});
