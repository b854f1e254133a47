import { Button, Menu } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { can, useMe } from "../../api/directory";
import { exportable, exportList } from "../../api/exports";
import { t } from "../../i18n";
import { IconDownload } from "../icons";
import { messageOf } from "../notes";
import { toast } from "../toasts";

interface Props {
  kind: string;
  filter: string;
  sort: string;
  /** The columns that are shown, by their IDs in the list. */
  columns: string[];
  /** What is in the bin instead. */
  bin: boolean;
  /** Only these records of the list; undefined for all that match. */
  ids?: string[] | undefined;
  /** Stands among the actions on ticked rows. */
  inBar?: boolean;
}

/** Fields of records by the ID of the column that shows them, where they differ. */
const FIELDS: Record<string, Record<string, string>> = {
  contact: { company: "employments" },
  company: { turnover: "annual_turnover", country: "addresses" },
  lead: { person: "first_name,last_name", company: "company_name", status: "status_id" },
  deal: {
    company: "company_id",
    stage: "stage_id",
    close: "planned_close_date",
    closed: "close_time",
    lost: "lost_reason",
    begun: "begin_time",
  },
  product: { section: "section_id", price: "prices", tax: "tax_rate" },
};
const COMMON: Record<string, string> = {
  phone: "phones",
  email: "emails",
  responsible: "responsible_id",
  created: "create_time",
  changed: "update_time",
};
// Nobody is on these, so they make no cards.
const NO_CARDS = new Set(["deal", "product"]);

const MOST_IDS = 200;

const FORMATS = [
  { label: "export.csv", query: { format: "csv", byteOrderMark: "true" } },
  { label: "export.excelCsv", query: { format: "csv", delimiter: ";", byteOrderMark: "true" } },
  { label: "export.xlsx", query: { format: "xlsx" } },
  { label: "export.vcard", query: { format: "vcard" } },
] as const;

/** Takes a list along as a file, as it is shown (CON-18). */
export function ExportMenu({ kind, filter, sort, columns, bin, ids, inBar }: Props) {
  const me = useMe();
  const download = useMutation({
    mutationFn: (query: Record<string, string>) => exportList(kind, query),
    onError: (error) => toast(messageOf(error), { tone: "bad" }),
  });
  if (!exportable(kind) || !can(me, kind, "export")) {
    return null;
  }
  const fields = columns.map((id) => FIELDS[kind]?.[id] ?? COMMON[id] ?? id).join(",");
  // Those that are named go into the address of the request, which has an end.
  const tooMany = (ids?.length ?? 0) > MOST_IDS;
  const chosen = ids ? ids.map((id) => `id = "${id}"`).join(" OR ") : filter;
  const what = { filter: chosen, orderBy: sort, columns: fields, showDeleted: bin ? "true" : "" };
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        {inBar ? (
          <Button
            size="compact-xs"
            variant="default"
            loading={download.isPending}
            disabled={tooMany}
            title={tooMany ? t("export.tooMany", { count: MOST_IDS }) : undefined}
          >
            {t("bulk.export")}
          </Button>
        ) : (
          <Button
            variant="default"
            px={10}
            loading={download.isPending}
            aria-label={t("export.button")}
            title={t("export.button")}
          >
            <IconDownload size={14} />
          </Button>
        )}
      </Menu.Target>
      <Menu.Dropdown>
        {FORMATS.filter(({ query }) => query.format !== "vcard" || !NO_CARDS.has(kind)).map(
          ({ label, query }) => (
            <Menu.Item key={label} onClick={() => download.mutate({ ...query, ...what })}>
              {t(label)}
            </Menu.Item>
          ),
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
