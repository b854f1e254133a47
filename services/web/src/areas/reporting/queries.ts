import { queryOptions } from "@tanstack/react-query";
import { api, call } from "../../api/client";
import type { CivilDate, Report, ReportInfo } from "../../api/model";

/** What is asked of a report. */
export interface ReportQuery {
  report: string;
  pipelineId?: string;
  mode?: "MODE_SNAPSHOT" | "MODE_COHORT";
  from?: CivilDate;
  to?: CivilDate;
  filter: string;
  groupBy?: string;
}

/** The reports there are, in the order to show them. */
export const reportsOptions = queryOptions({
  queryKey: ["reports"],
  queryFn: async ({ signal }) =>
    ((await call(api.GET("/v1/reports", { signal }))).reports ?? []) as unknown as ReportInfo[],
  staleTime: 10 * 60_000,
});

/** An answered report. */
export const reportOptions = (query: ReportQuery) =>
  queryOptions({
    queryKey: ["report", query.report, query],
    queryFn: async ({ signal }) => {
      const { report, ...body } = query;
      const answer = await call(
        api.POST("/v1/reports/{report}:run", {
          params: { path: { report } },
          body: { ...body, report } as never,
          signal,
        }),
      );
      return answer.report as unknown as Report;
    },
    placeholderData: (previous) => (previous?.report === query.report ? previous : undefined),
  });
