// The screens of this area, as the router loads them.
export { ReportPage } from "./ReportPage";
export { ReportsPage } from "./ReportsPage";
