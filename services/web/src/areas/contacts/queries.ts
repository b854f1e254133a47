import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, call, idempotent } from "../../api/client";
import type { Company, Contact, DuplicateCandidate, Lead, LeadStatus } from "../../api/model";
import { historyOf } from "../../api/history";
import { keys, putRecord, resource } from "../../api/resource";

function signalOf(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}

/** Companies, over REST. */
export const companies = resource<Company>({
  kind: "company",
  async list(query, signal) {
    const page = await call(api.GET("/v1/companies", { params: { query }, ...signalOf(signal) }));
    return {
      items: (page.companies ?? []) as unknown as Company[],
      next: page.nextPageToken ?? "",
      names: {},
    };
  },
  async count(query, signal) {
    const answer = await call(
      api.GET("/v1/companies:count", {
        params: { query },
        ...signalOf(signal),
      }),
    );
    return { count: Number(answer.count ?? 0), more: answer.more ?? false };
  },
  async get(id, signal) {
    return (await call(api.GET("/v1/companies/{id}", { params: { path: { id } }, ...signalOf(signal) })))
      .company as unknown as Company;
  },
  async create(company, key) {
    return (await call(api.POST("/v1/companies", { body: company as never, ...idempotent(key) })))
      .company as unknown as Company;
  },
  async update(id, patch, updateMask) {
    const answer = await call(
      api.PATCH("/v1/companies/{id}", {
        params: { path: { id }, query: { updateMask } },
        body: patch as never,
      }),
    );
    return answer.company as unknown as Company;
  },
  remove: (id, etag) => call(api.DELETE("/v1/companies/{id}", { params: { path: { id }, query: { etag } } })),
  restore: (id) => call(api.POST("/v1/companies/{id}:undelete", { params: { path: { id } }, body: { id } })),
  async history(id, pageToken) {
    const page = await call(
      api.GET("/v1/companies/{id}:history", { params: { path: { id }, query: { pageSize: 50, pageToken } } }),
    );
    return historyOf(page);
  },
});

/** Contacts, over REST. */
export const contacts = resource<Contact>({
  kind: "contact",
  async list(query, signal) {
    const page = await call(api.GET("/v1/contacts", { params: { query }, ...signalOf(signal) }));
    return {
      items: (page.contacts ?? []) as unknown as Contact[],
      next: page.nextPageToken ?? "",
      names: {},
    };
  },
  async count(query, signal) {
    const answer = await call(
      api.GET("/v1/contacts:count", {
        params: { query },
        ...signalOf(signal),
      }),
    );
    return { count: Number(answer.count ?? 0), more: answer.more ?? false };
  },
  async get(id, signal) {
    return (await call(api.GET("/v1/contacts/{id}", { params: { path: { id } }, ...signalOf(signal) })))
      .contact as unknown as Contact;
  },
  async create(contact, key) {
    return (await call(api.POST("/v1/contacts", { body: contact as never, ...idempotent(key) })))
      .contact as unknown as Contact;
  },
  async update(id, patch, updateMask) {
    const answer = await call(
      api.PATCH("/v1/contacts/{id}", {
        params: { path: { id }, query: { updateMask } },
        body: patch as never,
      }),
    );
    return answer.contact as unknown as Contact;
  },
  remove: (id, etag) => call(api.DELETE("/v1/contacts/{id}", { params: { path: { id }, query: { etag } } })),
  restore: (id) => call(api.POST("/v1/contacts/{id}:undelete", { params: { path: { id } }, body: { id } })),
  async history(id, pageToken) {
    const page = await call(
      api.GET("/v1/contacts/{id}:history", { params: { path: { id }, query: { pageSize: 50, pageToken } } }),
    );
    return historyOf(page);
  },
});

/** Leads, over REST. */
export const leads = resource<Lead>({
  kind: "lead",
  async list(query, signal) {
    const page = await call(api.GET("/v1/leads", { params: { query }, ...signalOf(signal) }));
    return { items: (page.leads ?? []) as unknown as Lead[], next: page.nextPageToken ?? "", names: {} };
  },
  async count(query, signal) {
    const answer = await call(api.GET("/v1/leads:count", { params: { query }, ...signalOf(signal) }));
    return { count: Number(answer.count ?? 0), more: answer.more ?? false };
  },
  async get(id, signal) {
    return (await call(api.GET("/v1/leads/{id}", { params: { path: { id } }, ...signalOf(signal) })))
      .lead as unknown as Lead;
  },
  async create(lead, key) {
    return (await call(api.POST("/v1/leads", { body: lead as never, ...idempotent(key) })))
      .lead as unknown as Lead;
  },
  async update(id, patch, updateMask) {
    const answer = await call(
      api.PATCH("/v1/leads/{id}", { params: { path: { id }, query: { updateMask } }, body: patch as never }),
    );
    return answer.lead as unknown as Lead;
  },
  remove: (id, etag) => call(api.DELETE("/v1/leads/{id}", { params: { path: { id }, query: { etag } } })),
  restore: (id) => call(api.POST("/v1/leads/{id}:undelete", { params: { path: { id } }, body: { id } })),
  async history(id, pageToken) {
    const page = await call(
      api.GET("/v1/leads/{id}:history", { params: { path: { id }, query: { pageSize: 50, pageToken } } }),
    );
    return historyOf(page);
  },
});

/** The statuses a lead can be in, in order. */
export const leadStatusesOptions = queryOptions({
  queryKey: ["leadStatus", "all"],
  queryFn: async ({ signal }) => {
    const page = await call(api.GET("/v1/leadStatuses", { signal }));
    return ((page as { leadStatuses?: unknown }).leadStatuses ?? []) as LeadStatus[];
  },
  staleTime: 60_000,
});

/** How many leads nobody has worked on, and how many of those are overdue. */
export const untouchedOptions = queryOptions({
  queryKey: ["lead", "count", "untouched"],
  queryFn: async ({ signal }) => {
    const answer = await call(api.GET("/v1/leads:untouched", { signal }));
    return { untouched: Number(answer.untouched ?? 0), overdue: Number(answer.overdue ?? 0) };
  },
});

/** What a conversion would make, and existing records that may be the same. */
export const conversionOptions = (id: string) =>
  queryOptions({
    queryKey: ["lead", "conversion", id],
    queryFn: async ({ signal }) => {
      const answer = await call(
        api.GET("/v1/leads/{id}:previewConversion", { params: { path: { id } }, signal }),
      );
      return {
        contact: answer.contact as unknown as Contact | undefined,
        company: answer.company as unknown as Company | undefined,
        candidates: (answer.candidates ?? []) as unknown as DuplicateCandidate[],
      };
    },
    staleTime: 0,
  });

/** What to make from a lead; a kind that is absent is not made. */
export interface ConversionChoice {
  contact?: { attachId?: string };
  company?: { attachId?: string };
  deal?: { attachId?: string; name?: string; pipelineId?: string };
}

/** Moves a lead to a status. */
export function useMoveLead() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ lead, statusId }: { lead: Lead; statusId: string }) =>
      (
        await call(
          api.POST("/v1/leads/{id}:move", {
            params: { path: { id: lead.id } },
            body: { id: lead.id, statusId, etag: lead.etag },
          }),
        )
      ).lead as unknown as Lead,
    onMutate: ({ lead, statusId }) => {
      putRecord(client, "lead", { ...lead, statusId });
    },
    onSuccess: (lead) => {
      putRecord(client, "lead", lead);
      void client.invalidateQueries({ queryKey: keys.counts("lead") });
      void client.invalidateQueries({ queryKey: keys.history("lead", lead.id) });
    },
    onError: (_error, { lead }) => {
      putRecord(client, "lead", lead);
      void client.invalidateQueries({ queryKey: keys.one("lead", lead.id) });
    },
  });
}

/** Converts a lead. */
export function useConvertLead() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ lead, choice }: { lead: Lead; choice: ConversionChoice }) =>
      (
        await call(
          api.POST("/v1/leads/{id}:convert", {
            params: { path: { id: lead.id } },
            body: { id: lead.id, etag: lead.etag, ...choice } as never,
          }),
        )
      ).lead as unknown as Lead,
    onSuccess: (lead) => {
      putRecord(client, "lead", lead);
      for (const kind of ["lead", "contact", "company", "deal"]) {
        void client.invalidateQueries({ queryKey: keys.lists(kind) });
        void client.invalidateQueries({ queryKey: keys.counts(kind) });
      }
      void client.invalidateQueries({ queryKey: keys.history("lead", lead.id) });
    },
  });
}
