import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { expectAccessible, show } from "../../../test/render";
import type { User } from "../../api/model";
import { AccessDialog } from "./access";

const patience = { timeout: 5000 };

const get = vi.hoisted(() => vi.fn());
vi.mock("../../api/client", () => ({ api: { GET: get }, call: (answer: unknown) => answer }));
vi.mock("../../api/directory", () => ({ useUserNames: () => new Map([["u2", { name: "Bo Li" }]]) }));

// ID-4, ID-5: the screen asks about a kind at once, and about a record when the address of its card is given.
test("why a user may not", async () => {
  get.mockImplementation((_path: string, { params }: { params: { query: { recordId?: string } } }) =>
    Promise.resolve(
      params.query.recordId
        ? {
            allowed: false,
            reason: "ACCESS_REASON_OUT_OF_SCOPE",
            responsibleId: "u2",
            grants: [
              {
                roleId: "r",
                roleName: "Seller",
                kind: "*",
                action: "ACTION_UNSPECIFIED",
                scope: "SCOPE_OWN",
              },
            ],
          }
        : { allowed: true, reason: "ACCESS_REASON_SOME_RECORDS" },
    ),
  );
  await show(<AccessDialog user={{ id: "u1", name: "Ann" } as User} onClose={() => undefined} />);
  expect(await screen.findByText(/For some of the records/, {}, patience)).toBeTruthy();
  fireEvent.change(screen.getByLabelText("One record"), { target: { value: "nonsense" } });
  expect(await screen.findByText("There is no record in this address.", {}, patience)).toBeTruthy();
  const record = "01a20166-82f1-76c6-9d5e-5b29423a6e8c";
  fireEvent.change(screen.getByLabelText("One record"), {
    target: { value: `https://crm.example/deals/${record}?view=x` },
  });
  expect(await screen.findByText(/No grant reaches.*Bo Li is responsible for it/, {}, patience)).toBeTruthy();
  expect(screen.getByText("Seller")).toBeTruthy();
  await waitFor(() =>
    expect(get).toHaveBeenLastCalledWith(
      "/v1/users/{id}:explainAccess",
      expect.objectContaining({
        params: { path: { id: "u1" }, query: { kind: "deal", action: "ACTION_VIEW", recordId: record } },
      }),
    ),
  );
  await expectAccessible(document.body);
}, 30_000);
