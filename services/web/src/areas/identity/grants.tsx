import { NativeSelect } from "@mantine/core";
import type { Reach } from "../../api/directory";
import { t, type MessageKey } from "../../i18n";
import { SettingsTable } from "../../parts/SettingsSection";
import { ACTIONS, KINDS, SCOPES, type Cells } from "./grantCells";

/** What a role grants: kinds of records by actions, with how far each reaches (ID-4). */
export function GrantMatrix({
  cells,
  disabled,
  onChange,
}: {
  cells: Cells;
  disabled: boolean;
  onChange: (cells: Cells) => void;
}) {
  const scopes = SCOPES.map((scope) => ({ value: scope, label: t(`roles.${scope}` as MessageKey) }));
  return (
    <SettingsTable
      label={t("roles.grants")}
      head={[t("roles.records"), ...ACTIONS.map((action) => t(`roles.action.${action}` as MessageKey))]}
    >
      {KINDS.map((kind) => {
        const label = t(`roles.kind.${kind}` as MessageKey);
        return (
          <tr key={kind}>
            <th scope="row">{label}</th>
            {ACTIONS.map((action) => (
              <td key={action}>
                <NativeSelect
                  size="xs"
                  aria-label={`${label}: ${t(`roles.action.${action}` as MessageKey)}`}
                  disabled={disabled}
                  data={scopes}
                  value={cells[`${kind} ${action}`] ?? "SCOPE_UNSPECIFIED"}
                  onChange={(e) =>
                    onChange({ ...cells, [`${kind} ${action}`]: e.currentTarget.value as Reach })
                  }
                />
              </td>
            ))}
          </tr>
        );
      })}
    </SettingsTable>
  );
}
