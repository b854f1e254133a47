import { queryOptions, useQuery } from "@tanstack/react-query";
import { api, call } from "./client";
import type { Sent } from "./model";
import type { components } from "./schema";

/** A field that the organisation has added to a kind of record. */
export type CustomField = Sent<components["schemas"]["kontor.customfields.v1.CustomField"]>;

/** The kinds of records that have custom fields. */
export const CUSTOM_KINDS = ["lead", "contact", "company", "deal", "product"] as const;

export type CustomKind = (typeof CUSTOM_KINDS)[number];

/** A value of a custom field as the API carries it. */
export type CustomValue = string | number | boolean | string[] | Record<string, string> | null | undefined;

/** What every record with custom fields has. */
export interface WithCustomFields {
  customFields?: Record<string, CustomValue>;
}

/** The value of a field in a record. Keys are the organisation's: one may be called like a property of every object. */
export function customValue(record: object, key: string): CustomValue {
  const values = (record as WithCustomFields).customFields;
  return values && Object.hasOwn(values, key) ? values[key] : undefined;
}

/** The fields of a kind in their order; retired ones too if asked for. */
export const customFieldsOptions = (kind: string, retired = false) =>
  queryOptions({
    queryKey: ["customField", kind, retired] as const,
    queryFn: async ({ signal }) => {
      const answer = await call(
        api.GET("/v1/customFields/{kind}", {
          params: { path: { kind }, query: { showRetired: retired } },
          signal,
        }),
      );
      return (answer.customFields ?? []) as CustomField[];
    },
    staleTime: 60_000,
    enabled: (CUSTOM_KINDS as readonly string[]).includes(kind),
  });

/** The fields of a kind that are in use; none while they are not known. */
export function useCustomFields(kind: string): CustomField[] {
  return useQuery(customFieldsOptions(kind)).data ?? NONE;
}

const NONE: CustomField[] = [];
