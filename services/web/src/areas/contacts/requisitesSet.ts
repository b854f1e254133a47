import type { Address, Company } from "../../api/model";

/** An account payments go to or come from. */
export interface BankAccount {
  iban: string;
  accountNumber: string;
  bic: string;
  bankCode: string;
  bankName: string;
  currencyCode: string;
}

/** A person who signs for a legal entity. */
export interface Signatory {
  name: string;
  position: string;
  basis: string;
}

/** The legal and bank details of one entity a company trades through. */
export interface RequisitesSet {
  name: string;
  country: string;
  legalForm: string;
  legalName: string;
  vatNumber: string;
  taxNumber: string;
  registrationNumber: string;
  legalAddress?: Address;
  postalAddress?: Address;
  bankAccounts: BankAccount[];
  signatories: Signatory[];
  primary: boolean;
}

/** An account with nothing in it. */
export const emptyAccount = (): BankAccount => ({
  iban: "",
  accountNumber: "",
  bic: "",
  bankCode: "",
  bankName: "",
  currencyCode: "",
});

/** A set to begin with: what the company's own fields already tell. */
export function emptySet(company: Company, primary: boolean): RequisitesSet {
  const address = company.addresses[0];
  return {
    name: "",
    country: /^[A-Z]{2}$/.test(address?.country ?? "") ? (address?.country ?? "") : "",
    legalForm: "",
    legalName: company.legalName || company.name,
    vatNumber: "",
    taxNumber: "",
    registrationNumber: "",
    ...(address ? { legalAddress: { ...address, kind: "legal" } } : {}),
    bankAccounts: [],
    signatories: [],
    primary,
  };
}

/**
 * A set as it is saved: accounts, people and addresses in which nothing was typed are left out, and codes are written
 * in capitals. Whether numbers are right is for the server to say.
 */
export function tidySet(set: RequisitesSet): RequisitesSet {
  const { legalAddress, postalAddress, ...rest } = set;
  const typed = (value: object, ...except: string[]): boolean =>
    Object.entries(value).some(([key, text]) => !except.includes(key) && String(text).trim() !== "");
  return {
    ...rest,
    ...(legalAddress && typed(legalAddress, "kind") ? { legalAddress } : {}),
    ...(postalAddress && typed(postalAddress, "kind") ? { postalAddress } : {}),
    bankAccounts: set.bankAccounts
      .filter((account) => typed(account, "currencyCode"))
      .map((account) => ({ ...account, bic: account.bic.replace(/\s/g, "").toUpperCase() })),
    signatories: set.signatories.filter((person) => typed(person)),
  };
}
