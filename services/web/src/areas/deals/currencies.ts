/** The currencies the browser knows, those most used first. */
export function currencyCodes(current?: string): string[] {
  const first = ["EUR", "USD", "GBP", "CHF", "PLN", "AZN", "INR", "BDT"];
  const all = typeof Intl.supportedValuesOf === "function" ? Intl.supportedValuesOf("currency") : [];
  return [...new Set([...(current ? [current] : []), ...first, ...all])];
}
