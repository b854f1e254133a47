import { Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useNavigate, useParams } from "@tanstack/react-router";
import { useEffect } from "react";
import { t } from "../../i18n";
import { ErrorNote } from "../../parts/notes";
import { reportsOptions } from "./queries";
import { titleOf } from "./ReportPage";
import classes from "./reporting.module.css";

const STANDARD = [
  "funnel",
  "lead-funnel",
  "open-deals-by-stage",
  "expected-sales",
  "overdue-deals",
  "won-deals",
  "deals-by-employee",
  "deals-by-company",
  "income-by-product",
];

/** The reports there are, beside the one that is open. */
export function ReportsPage() {
  const { report } = useParams({ strict: false }) as { report?: string };
  const navigate = useNavigate();
  const listed = useQuery(reportsOptions);
  const names = listed.data?.length ? listed.data.map((r) => r.report) : STANDARD;
  useEffect(() => {
    if (!report) {
      void navigate({ to: "/reports/$report", params: { report: "funnel" }, replace: true });
    }
  }, [report, navigate]);
  return (
    <div className={classes["page"]}>
      <nav className={classes["list"]} aria-label={t("nav.reports")}>
        <h2>{t("nav.reports")}</h2>
        {names.map((name) => (
          <Link
            key={name}
            to="/reports/$report"
            params={{ report: name }}
            activeOptions={{ includeSearch: false }}
          >
            {titleOf(name)}
          </Link>
        ))}
      </nav>
      <div className={classes["body"]}>
        <Select
          className={classes["pick"] ?? ""}
          aria-label={t("nav.reports")}
          size="sm"
          data={names.map((value) => ({ value, label: titleOf(value) }))}
          value={report ?? null}
          allowDeselect={false}
          onChange={(value) => value && void navigate({ to: "/reports/$report", params: { report: value } })}
        />
        {listed.error && <ErrorNote error={listed.error} retry={() => void listed.refetch()} />}
        <Outlet />
      </div>
    </div>
  );
}
