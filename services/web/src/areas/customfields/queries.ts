import { queryOptions } from "@tanstack/react-query";
import { api, call } from "../../api/client";

interface Option {
  value: string;
  label: string;
}

interface Stages {
  groups: { group: string; items: Option[] }[];
  pipelines: Option[];
}

/** The stages of deals by pipeline, or the statuses of leads. */
export const stagesOptions = (kind: string) =>
  queryOptions({
    queryKey: ["customField", "stages", kind] as const,
    queryFn: async ({ signal }): Promise<Stages> => {
      if (kind === "lead") {
        const { leadStatuses } = await call(api.GET("/v1/leadStatuses", { signal }));
        const items = (leadStatuses ?? []).map((s) => ({ value: s.id ?? "", label: s.name ?? "" }));
        return { groups: [{ group: "", items }], pipelines: [] };
      }
      const { pipelines } = await call(api.GET("/v1/pipelines", { signal }));
      return {
        groups: (pipelines ?? []).map((p) => ({
          group: p.name ?? "",
          items: (p.stages ?? []).map((s) => ({ value: s.id ?? "", label: s.name ?? "" })),
        })),
        pipelines: (pipelines ?? []).map((p) => ({ value: p.id ?? "", label: p.name ?? "" })),
      };
    },
    staleTime: 60_000,
  });
