import type { components } from "./schema";

type Schemas = components["schemas"];

/**
 * A message as the gateway sends it: text, numbers, flags and lists are always there, messages and instants may be
 * absent. (The document marks nothing as required, because the same messages are requests too.)
 */
export type Sent<T> = T extends (infer U)[]
  ? Sent<U>[]
  : T extends object
    ? { [K in keyof T as Always<K, T[K]>]-?: Sent<NonNullable<T[K]>> } & {
        [K in keyof T as Always<K, T[K]> extends never ? K : never]?: Sent<NonNullable<T[K]>>;
      }
    : T;

type Always<K, V> = K extends `${string}Time` | `discount${string}` | "overdueSince"
  ? never
  : NonNullable<V> extends unknown[]
    ? K
    : NonNullable<V> extends object
      ? never
      : K;

export interface Money {
  currencyCode: string;
  amount: string;
}

/** A calendar day, as google.type.Date. */
export interface CivilDate {
  year: number;
  month: number;
  day: number;
}

/** A position of a deal; at most one of the discounts is there. */
export interface DealLine {
  id: string;
  productId: string;
  name: string;
  quantity: string;
  unit: string;
  price: string;
  discountPercent?: string;
  discountAmount?: string;
  taxRate: string;
  taxIncluded: boolean;
  netAmount: string;
  taxAmount: string;
  totalAmount: string;
  productName: string;
}

export type Deal = Omit<Sent<Omit<Schemas["kontor.deals.v1.Deal"], "lines">>, never> & { lines: DealLine[] };
export type Pipeline = Sent<Schemas["kontor.deals.v1.Pipeline"]>;
export type Stage = Sent<Schemas["kontor.deals.v1.Stage"]>;
export type BoardColumn = Sent<Schemas["kontor.deals.v1.BoardColumn"]>;
export type BoardCard = Sent<Schemas["kontor.deals.v1.BoardCard"]>;
export type StageStay = Sent<Schemas["kontor.deals.v1.StageStay"]>;
export type Company = Sent<Schemas["kontor.contacts.v1.Company"]>;
export type Contact = Sent<Schemas["kontor.contacts.v1.Contact"]>;
export type Lead = Sent<Schemas["kontor.contacts.v1.Lead"]>;
export type LeadStatus = Sent<Schemas["kontor.contacts.v1.LeadStatus"]>;
export type DuplicateCandidate = Sent<Schemas["kontor.contacts.v1.DuplicateCandidate"]>;
export type Product = Sent<Schemas["kontor.catalog.v1.Product"]>;
export type ProductSummary = Sent<Schemas["kontor.catalog.v1.ProductSummary"]>;
export type PriceType = Sent<Schemas["kontor.catalog.v1.PriceType"]>;
export type Section = Sent<Schemas["kontor.catalog.v1.Section"]>;
export type PhoneNumber = Sent<Schemas["kontor.type.v1.PhoneNumber"]>;
export type EmailAddress = Sent<Schemas["kontor.type.v1.EmailAddress"]>;
export type Address = Sent<Schemas["kontor.type.v1.Address"]>;
export type Link = Sent<Schemas["kontor.type.v1.Link"]>;
export type Operation = Sent<Schemas["kontor.operation.v1.Operation"]>;
export type User = Sent<Schemas["kontor.identity.v1.User"]>;
export type Department = Sent<Schemas["kontor.identity.v1.Department"]>;
export type AuditEntry = Sent<Schemas["kontor.identity.v1.AuditEntry"]>;
export type Role = Sent<Schemas["kontor.identity.v1.Role"]>;
export type Settings = Sent<Schemas["kontor.identity.v1.Settings"]>;
export type UserSession = Sent<Schemas["kontor.identity.v1.Session"]>;
export type ServiceAccount = Sent<Schemas["kontor.identity.v1.ServiceAccount"]>;
export type ApiKey = Sent<Schemas["kontor.identity.v1.ApiKey"]>;

/** One cell: a plain value, an amount or a record, with the way to the rows behind it. */
export interface ReportValue {
  plain?: string | number | boolean | null;
  money?: Money;
  ref?: { kind: string; id: string; name: string };
  drill?: { kind: string; filter: string };
}

export interface ReportRow {
  values: ReportValue[];
}

export type Report = Omit<
  Sent<Omit<Schemas["kontor.reporting.v1.Report"], "rows" | "totals" | "breakdown">>,
  never
> & {
  rows: ReportRow[];
  totals: ReportRow[];
  breakdown?: { title: string; columns: ReportColumn[]; rows: ReportRow[] };
  asOf?: string;
};
export type ReportColumn = Sent<Schemas["kontor.reporting.v1.Column"]>;
export type ReportInfo = Sent<Schemas["kontor.reporting.v1.ReportInfo"]>;
