import { tIfAny } from "../../i18n";

const SOURCES = [
  "form",
  "landing-page",
  "advertisement",
  "call",
  "missed-call",
  "mail",
  "chat",
  "shop",
  "referral",
  "event",
  "import",
  "api",
];
const COMPANY_TYPES = ["client", "supplier", "partner", "competitor", "carrier"];
const CONTACT_TYPES = ["client", "supplier", "partner", "other"];

function options(group: string, values: string[]): { value: string; label: string }[] {
  return values.map((value) => ({ value, label: tIfAny(`${group}.${value}`, value) }));
}

/** Where enquiries come from. */
export const sourceOptions = () => options("source", SOURCES);

/** What a company is to us. */
export const companyTypeOptions = () => options("clientType", COMPANY_TYPES);

/** What a person is to us. */
export const contactTypeOptions = () => options("clientType", CONTACT_TYPES);

/** A source in words; own values stay as they are. */
export function sourceLabel(source: string): string {
  return tIfAny(`source.${source}`, source);
}

/** A type in words; own values stay as they are. */
export function typeLabel(type: string): string {
  return tIfAny(`clientType.${type}`, type);
}
