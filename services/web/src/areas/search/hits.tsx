import type { ReactNode } from "react";
import { t, tIfAny } from "../../i18n";
import { IconBoard, IconBox, IconBuilding, IconInbox, IconUser, IconUsers } from "../../parts/icons";
import { DoNotContact } from "../../parts/fields/tags";
import { Highlight } from "./Highlight";
import type { Hit } from "./queries";

/** The kinds that are searched: where their cards are, and how they are called. Users have no card of their own. */
const kinds = {
  company: { to: "/companies/$id", many: () => t("company.many"), icon: IconBuilding },
  contact: { to: "/contacts/$id", many: () => t("contact.many"), icon: IconUser },
  deal: { to: "/deals/$id", many: () => t("deal.many"), icon: IconBoard },
  lead: { to: "/leads/$id", many: () => t("lead.many"), icon: IconInbox },
  product: { to: "/products/$id", many: () => t("product.many"), icon: IconBox },
  user: { to: "/settings/users", many: () => t("settings.users"), icon: IconUsers },
} as const;

function isKind(kind: string): kind is keyof typeof kinds {
  return kind in kinds;
}

/** Where a record is shown. */
export function placeOf(kind: string, id: string): { to: string; params?: { id: string } } {
  return isKind(kind) && kind !== "user" ? { to: kinds[kind].to, params: { id } } : { to: "/settings/users" };
}

/** The sign of a kind of records. */
export function KindIcon({ kind }: { kind: string }) {
  const Icon = isKind(kind) ? kinds[kind].icon : IconInbox;
  return <Icon size={16} />;
}

/** Hits by kind, the kind with the best hit first. */
export function grouped(hits: Hit[]): { kind: string; title: string; hits: Hit[] }[] {
  const groups = new Map<string, Hit[]>();
  for (const hit of hits) {
    if (isKind(hit.kind)) {
      groups.set(hit.kind, [...(groups.get(hit.kind) ?? []), hit]);
    }
  }
  return [...groups].map(([kind, some]) => ({
    kind,
    title: isKind(kind) ? kinds[kind].many() : kind,
    hits: some,
  }));
}

const titles = new Set(["name", "title"]);

/** The name of a hit, with what was hit in it. */
export function HitTitle({ hit }: { hit: Hit }) {
  const match = hit.matches.find((m) => titles.has(m.field) && m.snippet === hit.title);
  return (
    <>
      <Highlight text={hit.title} ranges={match?.ranges ?? []} /> <DoNotContact channels={hit.doNotContact} />
    </>
  );
}

/** Where else the hit is, or else what tells the record from others of its name. */
export function HitHint({ hit }: { hit: Hit }): ReactNode {
  const match = hit.matches.find((m) => m.snippet !== hit.title);
  if (!match) {
    return <bdi>{hit.subtitle}</bdi>;
  }
  return (
    <>
      {tIfAny(`search.field.${match.field}`, match.field)}:{" "}
      <Highlight text={match.snippet} ranges={match.ranges} />
    </>
  );
}
