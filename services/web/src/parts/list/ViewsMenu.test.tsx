import { fireEvent, screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { show } from "../../../test/render";
import type { Me } from "../../api/directory";
import { ViewsMenu } from "./ViewsMenu";

// A machine that is busy draws slowly.
const patience = { timeout: 5000 };

const { get, post } = vi.hoisted(() => ({ get: vi.fn(), post: vi.fn() }));
vi.mock("../../api/client", () => ({
  api: { GET: get, POST: post },
  call: (answer: unknown) => answer,
  idempotent: () => ({}),
}));

beforeEach(() => {
  get.mockReset().mockResolvedValue({ views: [] });
  post.mockReset().mockResolvedValue({ view: { id: "v1", columns: [] } });
});

/** Opens the form to save a view, for a member of a department with a head, and chooses whom it is for. */
async function saving(
  audience: string,
  { head, settings }: { head: string; settings: string },
): Promise<void> {
  const { client } = await show(
    <ViewsMenu kind="contact" filter="" sort="" columns={[]} search={{}} show={() => undefined} />,
  );
  client.setQueryData(["department", "all"], [{ id: "d1", name: "Sales", headId: head }]);
  client.setQueryData<Me>(["me"], (me) => {
    if (!me) {
      throw new Error("nobody is signed in");
    }
    return {
      ...me,
      user: { ...me.user, departmentId: "d1" },
      permissions: { settings: { actions: { update: settings as "SCOPE_ALL" } } },
    };
  });
  fireEvent.click(await screen.findByRole("button", { name: "Views" }, patience));
  fireEvent.click(await screen.findByText("Save as a view…", {}, patience));
  fireEvent.change(await screen.findByLabelText(/^Name/, {}, patience), { target: { value: "Mine" } });
  fireEvent.click(screen.getByRole("checkbox", { name: "Open the list with it" }));
  if (audience !== "Only me") {
    fireEvent.click(screen.getByRole("combobox"));
    fireEvent.click(await screen.findByRole("option", { name: audience }, patience));
  }
}

// CON-13, ID-4: what a list opens with for others is offered to who may say so, and to nobody else.
test.each([
  { audience: "Only me", head: "u2", settings: "SCOPE_UNSPECIFIED", offered: true },
  { audience: "My department", head: "u2", settings: "SCOPE_UNSPECIFIED", offered: false },
  { audience: "My department", head: "u1", settings: "SCOPE_UNSPECIFIED", offered: true },
  { audience: "Everyone", head: "u1", settings: "SCOPE_UNSPECIFIED", offered: false },
  { audience: "Everyone", head: "u2", settings: "SCOPE_ALL", offered: true },
])(
  "$audience, headed by $head, settings $settings: $offered",
  async ({ audience, head, settings, offered }) => {
    await saving(audience, { head, settings });
    await waitFor(
      () => expect(screen.queryByRole("checkbox", { name: "Open the list with it" }) !== null).toBe(offered),
      patience,
    );
    // Ticked before the audience was chosen, it is not sent along either.
    fireEvent.click(screen.getByRole("button", { name: "Save" }));
    await waitFor(() => expect(post).toHaveBeenCalled(), patience);
    expect(post.mock.calls[0]?.[1]).toMatchObject({ body: { name: "Mine", defaultView: offered } });
  },
);
