import type { SecondFactorSetup } from "../api/session";
import { t } from "../i18n";

/** What to scan, or type, into an authenticator app (ID-7). */
export function FactorSetup({ setup }: { setup: SecondFactorSetup }) {
  return (
    <div>
      <p>{t("factor.scan")}</p>
      <img src={`data:image/png;base64,${setup.qrPng}`} alt={t("factor.qr")} width={180} height={180} />
      <p className="muted">
        {t("factor.secret")} <code style={{ wordBreak: "break-all" }}>{setup.secret}</code>
      </p>
    </div>
  );
}

/** Codes that work once each when the app is lost; shown once. */
export function RecoveryCodes({ codes }: { codes: string[] }) {
  return (
    <div>
      <h2>{t("factor.recovery")}</h2>
      <p>{t("factor.recoveryText")}</p>
      <pre>{codes.join("\n")}</pre>
    </div>
  );
}
