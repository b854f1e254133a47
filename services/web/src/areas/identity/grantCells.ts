import type { Reach } from "../../api/directory";
import type { Role } from "../../api/model";

/** The record kinds that roles speak of; the first stands for every kind, those to come too. */
export const KINDS = [
  "*",
  "lead",
  "contact",
  "company",
  "deal",
  "quote",
  "invoice",
  "product",
  "call",
  "mail",
  "activity",
  "report",
  "user",
  "department",
  "role",
  "settings",
  "audit",
] as const;

/** What can be granted. */
export const ACTIONS = ["VIEW", "CREATE", "UPDATE", "DELETE", "EXPORT", "IMPORT"] as const;

/** How far a grant may reach, from nothing to everything. */
export const SCOPES: Reach[] = [
  "SCOPE_UNSPECIFIED",
  "SCOPE_OWN",
  "SCOPE_DEPARTMENT",
  "SCOPE_DEPARTMENT_AND_BELOW",
  "SCOPE_ALL",
];

const NOTHING: Reach = "SCOPE_UNSPECIFIED";

/** Scopes by "kind action"; what is not there is not granted. */
export type Cells = Record<string, Reach>;

type Grant = Role["grants"][number];

/** The grants as cells; one for every action becomes one for each. */
export function cellsOf(grants: Grant[]): Cells {
  const cells: Cells = {};
  for (const grant of grants) {
    const actions = grant.action === "ACTION_UNSPECIFIED" ? ACTIONS : [grant.action.replace("ACTION_", "")];
    for (const action of actions) {
      const key = `${grant.kind} ${action}`;
      const now = cells[key] ?? NOTHING;
      const scope = grant.scope as Reach;
      cells[key] = SCOPES.indexOf(scope) > SCOPES.indexOf(now) ? scope : now;
    }
  }
  return cells;
}

/** The cells as grants; all actions of a kind reaching equally far become one for every action. */
export function grantsOf(cells: Cells): Grant[] {
  const grants: Grant[] = [];
  for (const kind of KINDS) {
    const granted = ACTIONS.map((action) => ({ action, scope: cells[`${kind} ${action}`] ?? NOTHING }));
    const scope = granted[0]?.scope ?? NOTHING;
    if (scope !== NOTHING && granted.every((cell) => cell.scope === scope)) {
      grants.push({ kind, action: "ACTION_UNSPECIFIED", scope });
      continue;
    }
    for (const cell of granted) {
      if (cell.scope !== NOTHING) {
        grants.push({ kind, action: `ACTION_${cell.action}`, scope: cell.scope });
      }
    }
  }
  return grants;
}
