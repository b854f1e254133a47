import { useQuery } from "@tanstack/react-query";
import { act, fireEvent, screen, waitFor } from "@testing-library/react";
import { describe, expect, test, vi } from "vitest";
import { show } from "../../../test/render";
import { ApiError } from "../../api/errors";
import type { Company } from "../../api/model";
import { keys } from "../../api/resource";
import { companies } from "./queries";
import { requisitesTab } from "./Requisites";
import { emptyAccount, emptySet, tidySet } from "./requisitesSet";

const company = {
  id: "c1",
  etag: "v1",
  name: "Werft",
  legalName: "Werft GmbH",
  requisites: [],
  addresses: [
    { kind: "postal", street: "Kai 1", city: "Hamburg", region: "", postalCode: "", country: "DE" },
  ],
} as unknown as Company;

// CON-8: what nobody typed is not sent.
describe("a set as it is saved", () => {
  test("begins with what the company's fields tell", () => {
    expect(emptySet(company, true)).toMatchObject({
      country: "DE",
      legalName: "Werft GmbH",
      legalAddress: { kind: "legal", street: "Kai 1" },
      primary: true,
    });
  });

  test.each([
    ["an empty account", { bankAccounts: [emptyAccount()] }, { bankAccounts: [] }],
    ["only a currency", { bankAccounts: [{ ...emptyAccount(), currencyCode: "EUR" }] }, { bankAccounts: [] }],
    [
      "a BIC in small letters",
      { bankAccounts: [{ ...emptyAccount(), iban: "DE1", bic: "coba deff" }] },
      { bankAccounts: [{ ...emptyAccount(), iban: "DE1", bic: "COBADEFF" }] },
    ],
    ["nobody", { signatories: [{ name: " ", position: "", basis: "" }] }, { signatories: [] }],
    [
      "a person without a name, for the server to refuse",
      { signatories: [{ name: "", position: "Head", basis: "" }] },
      { signatories: [{ name: "", position: "Head", basis: "" }] },
    ],
  ])("%s", (_, typed, saved) => {
    expect(tidySet({ ...emptySet(company, false), ...typed })).toMatchObject(saved);
  });

  test("an address of blanks is left out", () => {
    const blank = { kind: "legal", street: " ", city: "", region: "", postalCode: "", country: "" };
    expect(tidySet({ ...emptySet(company, false), legalAddress: blank })).not.toHaveProperty("legalAddress");
  });
});

function Shown() {
  const { data } = useQuery(companies.oneOptions("c1"));
  return data ? requisitesTab(data, false).content : null;
}

// CON-8, WEB-8: faults stand at their fields, and nothing typed is lost.
test("a refused set stays open with the reason at its field", { timeout: 30_000 }, async () => {
  const update = vi.spyOn(companies, "update").mockRejectedValue(
    new ApiError(400, {
      reason: "FIELD_INVALID",
      detail: "some fields are not valid",
      fields: [{ field: "requisites[0].vat_number", description: "the number is not valid" }],
    }),
  );
  const { client } = await show(<Shown />);
  act(() => void client.setQueryData(keys.one("company", "c1"), company));
  fireEvent.click(await screen.findByText("Add a set"));
  fireEvent.change(screen.getByLabelText("VAT number"), { target: { value: "DE1" } });
  fireEvent.click(screen.getByText("Save"));
  await waitFor(() => expect(update).toHaveBeenCalledOnce());
  await screen.findByText("the number is not valid");
  expect(screen.getByLabelText<HTMLInputElement>("VAT number").value).toBe("DE1");
});
