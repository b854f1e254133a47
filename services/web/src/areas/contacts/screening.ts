import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, call } from "../../api/client";
import type { Lead } from "../../api/model";
import { dropRecord, keys, putRecord } from "../../api/resource";

/** Who gets a lead: a user, or the head of a department. */
export type Recipient = { userId: string } | { departmentId: string };

/** What a screener does to a lead. */
export function useScreening() {
  const client = useQueryClient();
  const refresh = (): void => {
    void client.invalidateQueries({ queryKey: keys.lists("lead") });
    void client.invalidateQueries({ queryKey: keys.counts("lead") });
  };
  const move = useMutation({
    mutationFn: async ({ lead, statusId, reason }: { lead: Lead; statusId: string; reason?: string }) =>
      (
        await call(
          api.POST("/v1/leads/{id}:move", {
            params: { path: { id: lead.id } },
            body: { id: lead.id, statusId, reason: reason ?? "" },
          }),
        )
      ).lead as unknown as Lead,
    onSuccess: (lead) => putRecord(client, "lead", lead),
    onSettled: refresh,
  });
  const handOver = useMutation({
    mutationFn: async ({ lead, to }: { lead: Lead; to: Recipient }) =>
      (
        await call(
          api.POST("/v1/leads/{id}:handOver", {
            params: { path: { id: lead.id } },
            body: { id: lead.id, etag: lead.etag, ...to },
          }),
        )
      ).lead as unknown as Lead,
    onSuccess: (lead) => dropRecord(client, "lead", lead.id),
    onSettled: refresh,
  });
  return { move, handOver };
}
