import { fireEvent, screen, waitFor } from "@testing-library/react";
import { describe, expect, test, vi } from "vitest";
import { expectAccessible, show } from "../../../test/render";
import { ApiError } from "../../api/errors";
import { MoneyField, TextField } from "./kinds";

// design/web.md: fields are edited in place, saved at once; nothing typed is lost.
describe("a field edited in place", () => {
  test("a click opens it, Enter saves it", async () => {
    const save = vi.fn(() => Promise.resolve());
    await show(<TextField label="Name" name="name" value="Weber" onSave={save} />);
    fireEvent.click(screen.getByRole("button", { name: "Name: edit" }));
    const input = screen.getByRole("textbox", { name: "Name" });
    fireEvent.change(input, { target: { value: "Weber & Söhne" } });
    fireEvent.keyDown(input, { key: "Enter" });
    await waitFor(() => expect(save).toHaveBeenCalledWith("Weber & Söhne"));
    await waitFor(() => expect(screen.queryByRole("textbox")).toBeNull());
  });

  test("Escape gives up without saving", async () => {
    const save = vi.fn(() => Promise.resolve());
    await show(<TextField label="Name" name="name" value="Weber" onSave={save} />);
    fireEvent.click(screen.getByRole("button", { name: "Name: edit" }));
    const input = screen.getByRole("textbox", { name: "Name" });
    fireEvent.change(input, { target: { value: "Other" } });
    fireEvent.keyDown(input, { key: "Escape" });
    await waitFor(() => expect(screen.queryByRole("textbox")).toBeNull());
    expect(save).not.toHaveBeenCalled();
  });

  test("an unchanged value is not sent", async () => {
    const save = vi.fn(() => Promise.resolve());
    await show(<TextField label="Name" name="name" value="Weber" onSave={save} />);
    fireEvent.click(screen.getByRole("button", { name: "Name: edit" }));
    fireEvent.keyDown(screen.getByRole("textbox"), { key: "Enter" });
    await waitFor(() => expect(screen.queryByRole("textbox")).toBeNull());
    expect(save).not.toHaveBeenCalled();
  });

  test("a refused value stays, with the reason beneath", async () => {
    const refusal = new ApiError(400, {
      detail: "bad",
      reason: "INVALID_ARGUMENT",
      fields: [{ field: "company.name", description: "is too long" }],
    });
    await show(<TextField label="Name" name="name" value="Weber" onSave={() => Promise.reject(refusal)} />);
    fireEvent.click(screen.getByRole("button", { name: "Name: edit" }));
    const input = screen.getByRole("textbox", { name: "Name" });
    fireEvent.change(input, { target: { value: "Much too long" } });
    fireEvent.keyDown(input, { key: "Enter" });
    expect((await screen.findByRole("alert")).textContent).toBe("is too long");
    expect(screen.getByRole<HTMLInputElement>("textbox", { name: "Name" }).value).toBe("Much too long");
    await expectAccessible(document.body);
  });

  test("money is typed as people write it", async () => {
    const save = vi.fn(() => Promise.resolve());
    await show(
      <MoneyField
        label="Amount"
        name="amount"
        value={{ currencyCode: "EUR", amount: "5" }}
        currency="EUR"
        onSave={save}
      />,
    );
    fireEvent.click(screen.getByRole("button", { name: "Amount: edit" }));
    const input = screen.getByRole("textbox", { name: "Amount" });
    fireEvent.change(input, { target: { value: "12 000,50" } });
    fireEvent.keyDown(input, { key: "Enter" });
    await waitFor(() => expect(save).toHaveBeenCalledWith({ currencyCode: "EUR", amount: "12000.50" }));
  });
});
