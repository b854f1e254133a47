import type { ComponentType } from "react";
import type { MessageKey } from "../i18n";
import {
  IconBoard,
  IconBox,
  IconBuilding,
  IconInbox,
  IconReport,
  IconSettings,
  IconToday,
  IconUser,
} from "../parts/icons";

/** An entry of the navigation. */
export interface NavEntry {
  to: string;
  label: MessageKey;
  icon: ComponentType<{ size?: number; stroke?: number }>;
  /** Record kind that must be visible to the user; none for what everybody has. */
  kind?: string;
  /** In the bottom bar of a phone. */
  phone?: boolean;
  /** Key pressed after `g`. */
  key: string;
}

/** The navigation, at most nine entries. */
export const nav: NavEntry[] = [
  { to: "/", label: "nav.day", icon: IconToday, phone: true, key: "m" },
  { to: "/leads", label: "nav.leads", icon: IconInbox, kind: "lead", phone: true, key: "l" },
  { to: "/deals", label: "nav.deals", icon: IconBoard, kind: "deal", phone: true, key: "d" },
  { to: "/companies", label: "nav.companies", icon: IconBuilding, kind: "company", phone: true, key: "c" },
  { to: "/contacts", label: "nav.contacts", icon: IconUser, kind: "contact", key: "p" },
  { to: "/products", label: "nav.products", icon: IconBox, kind: "product", key: "o" },
  { to: "/reports", label: "nav.reports", icon: IconReport, kind: "report", key: "r" },
  { to: "/settings", label: "nav.settings", icon: IconSettings, key: "s" },
];
