import { Link } from "@tanstack/react-router";
import { useUserNames } from "../../api/directory";
import { t, tIfAny } from "../../i18n";
import { PlainField } from "../../parts/fields/kinds";

/** What made a record: a user, an import, a lead … */
export function OriginField({ origin }: { origin: { kind: string; id: string } | undefined }) {
  const users = useUserNames();
  if (!origin?.kind) {
    return null;
  }
  const label = tIfAny(`origin.${origin.kind}`, origin.kind);
  return (
    <PlainField label={t("field.origin")}>
      {origin.kind === "lead" ? (
        <Link to="/leads/$id" params={{ id: origin.id }}>
          {label}
        </Link>
      ) : origin.kind === "user" ? (
        (users.get(origin.id)?.name ?? label)
      ) : (
        label
      )}
    </PlainField>
  );
}
