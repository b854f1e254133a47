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
}

/** Fields of records by the ID of the column that shows them, where they differ. */
const FIELDS: Record<string, Record<string, string>> = {
  contact: { company: "employments" },
  company: { turnover: "annual_turnover", country: "addresses" },
  lead: { person: "first_name,last_name", company: "company_name", status: "status_id" },
};
const COMMON: Record<string, string> = {
  phone: "phones",
  email: "emails",
  responsible: "responsible_id",
  created: "create_time",
};

const FORMATS = [
  { label: "export.csv", query: { format: "csv", byteOrderMark: "true" } },
  { label: "export.excelCsv", query: { format: "csv", delimiter: ";", byteOrderMark: "true" } },
  { label: "export.xlsx", query: { format: "xlsx" } },
  { label: "export.vcard", query: { format: "vcard" } },
] as const;

/** Takes a list along as a file, as it is shown (CON-18). */
export function ExportMenu({ kind, filter, sort, columns }: Props) {
  const me = useMe();
  const download = useMutation({
    mutationFn: (query: Record<string, string>) => exportList(kind, query),
    onError: (error) => toast(messageOf(error), { tone: "bad" }),
  });
  if (!exportable(kind) || !can(me, kind, "export")) {
    return null;
  }
  const fields = columns.map((id) => FIELDS[kind]?.[id] ?? COMMON[id] ?? id).join(",");
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <Button
          variant="default"
          px={10}
          loading={download.isPending}
          aria-label={t("export.button")}
          title={t("export.button")}
        >
          <IconDownload size={14} />
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {FORMATS.map(({ label, query }) => (
          <Menu.Item
            key={label}
            onClick={() => download.mutate({ ...query, filter, orderBy: sort, columns: fields })}
          >
            {t(label)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
