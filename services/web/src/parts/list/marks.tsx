import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { hasChannels, hasTags, tagsOptions } from "../../api/tags";
import { t } from "../../i18n";
import { channelOptions, Tags } from "../fields/tags";
import { allOf, anyOf, splitValues } from "../filters";
import type { Column } from "./columns";
import type { FilterDef } from "./FilterBar";
import type { ListSearch } from "./listState";

/** The filters by tags and do-not-contact marks, for kinds that have them. */
export function useMarkFilters(kind: string): FilterDef[] {
  const tags = useQuery(tagsOptions(kind)).data;
  return useMemo(
    () => [
      ...(hasTags(kind)
        ? [
            {
              id: "tags",
              label: t("field.tags"),
              kind: "choice" as const,
              options: (tags ?? []).map((tag) => ({ value: tag, label: tag })),
              show: (value: string) => splitValues(value).join(", "),
            },
          ]
        : []),
      ...(hasChannels(kind)
        ? [
            {
              id: "do_not_contact",
              label: t("field.doNotContact"),
              kind: "choice" as const,
              options: channelOptions(),
            },
          ]
        : []),
    ],
    [kind, tags],
  );
}

/** What these filters ask of the server. */
export function markFilter(values: ListSearch): string {
  return allOf(
    anyOf("tags", splitValues(values["tags"])),
    anyOf("do_not_contact", splitValues(values["do_not_contact"])),
  );
}

/** The column of tags, for kinds that have them. */
export function markColumns<T>(kind: string): Column<T>[] {
  return hasTags(kind)
    ? [
        {
          id: "tags",
          title: t("field.tags"),
          min: 90,
          grow: 0.6,
          drop: 9,
          phone: "sub",
          cell: (item) => <Tags tags={(item as { tags?: string[] }).tags} />,
        },
      ]
    : [];
}
