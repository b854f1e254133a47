import { exists, init, t as translate } from "i18next";
import app from "./locales/en/app.json";
import catalog from "./locales/en/catalog.json";
import contacts from "./locales/en/contacts.json";
import customfields from "./locales/en/customfields.json";
import deals from "./locales/en/deals.json";
import duplicates from "./locales/en/duplicates.json";
import identity from "./locales/en/identity.json";
import imports from "./locales/en/imports.json";
import parts from "./locales/en/parts.json";
import reporting from "./locales/en/reporting.json";
import search from "./locales/en/search.json";

const english = {
  ...app,
  ...parts,
  ...contacts,
  ...deals,
  ...catalog,
  ...customfields,
  ...duplicates,
  ...reporting,
  ...search,
  ...identity,
  ...imports,
};

type Plural<K> = K extends `${infer Base}_${"zero" | "one" | "two" | "few" | "many" | "other"}` ? Base : K;

/** A key of the message catalogue; plural forms go by their common name. */
export type MessageKey = Plural<keyof typeof english & string>;

// English is built in; another language is a folder of files of the same names, added here by i18next.addResources.
await init({
  lng: "en",
  fallbackLng: "en",
  keySeparator: false,
  nsSeparator: false,
  interpolation: { escapeValue: false },
  resources: { en: { translation: english } },
});

/** The message of a key in the user's language, with its values filled in. */
export function t(key: MessageKey, values?: Record<string, string | number>): string {
  return values ? translate(key, values) : translate(key);
}

/** The message of a key that is put together at run time, or the fallback if the catalogue has none. */
export function tIfAny(key: string, fallback: string): string {
  return exists(key) ? translate(key) : fallback;
}
