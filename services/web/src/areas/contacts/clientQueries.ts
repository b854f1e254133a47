import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, call } from "../../api/client";
import type { Sent } from "../../api/model";
import type { components } from "../../api/schema";

type Schemas = components["schemas"];

/** A client by one of its IDs. */
export type Client = { companyId: string } | { contactId: string };

export type ClientSum = Sent<Schemas["kontor.deals.v1.ClientSum"]>;
export type ClientPrice = Sent<Schemas["kontor.deals.v1.ClientPrice"]>;

/** The figures of a client's deals, which a change of any deal makes old. */
export const figuresOptions = (client: Client) =>
  queryOptions({
    queryKey: ["deal", "count", "figures", client],
    queryFn: async ({ signal }) => {
      const answer = await call(api.GET("/v1/deals:clientFigures", { params: { query: client }, signal }));
      return {
        clientSince: answer.clientSince,
        won: answer.won as unknown as ClientSum | undefined,
        open: answer.open as unknown as ClientSum | undefined,
      };
    },
  });

/** What a client was offered and has bought, newest first. */
export const pricesOptions = (client: Client) =>
  infiniteQueryOptions({
    queryKey: ["deal", "count", "prices", client],
    queryFn: async ({ pageParam, signal }) => {
      const answer = await call(
        api.GET("/v1/deals:clientPrices", {
          params: { query: { ...client, pageSize: 100, ...(pageParam ? { pageToken: pageParam } : {}) } },
          signal,
        }),
      );
      return {
        prices: (answer.prices ?? []) as unknown as ClientPrice[],
        next: answer.nextPageToken ?? "",
      };
    },
    initialPageParam: "",
    getNextPageParam: (page) => page.next || undefined,
  });
