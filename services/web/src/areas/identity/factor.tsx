import { Button, MultiSelect, PasswordInput, Switch, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, call } from "../../api/client";
import { useCan, useMe } from "../../api/directory";
import type { Settings } from "../../api/model";
import type { SecondFactorSetup } from "../../api/session";
import { t } from "../../i18n";
import { ErrorNote } from "../../parts/notes";
import { FactorSetup, RecoveryCodes } from "../../parts/SecondFactor";
import { SettingsSection } from "../../parts/SettingsSection";
import { toast } from "../../parts/toasts";
import { rolesOptions } from "./queries";
import classes from "./identity.module.css";

/** The caller's second factor: set up, with recovery codes shown once, or taken away (ID-7). */
export function SecondFactor() {
  const me = useMe();
  const client = useQueryClient();
  const on = me.user.secondFactor;
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [setup, setSetup] = useState<SecondFactorSetup>();
  const [codes, setCodes] = useState<string[]>([]);
  const done = (): void => {
    setPassword("");
    setCode("");
    setSetup(undefined);
    void client.invalidateQueries({ queryKey: ["me"] });
  };
  const begin = useMutation({
    mutationFn: async () =>
      (await call(api.POST("/v1/me:beginSecondFactor", { body: { password } })))
        .setup as unknown as SecondFactorSetup,
    onSuccess: setSetup,
  });
  const confirm = useMutation({
    mutationFn: async () =>
      (await call(api.POST("/v1/me:confirmSecondFactor", { body: { code } }))).recoveryCodes ?? [],
    onSuccess: (fresh) => {
      setCodes(fresh);
      done();
    },
  });
  const remove = useMutation({
    mutationFn: () => call(api.POST("/v1/me:removeSecondFactor", { body: { password, code } })),
    onSuccess: () => {
      setCodes([]);
      done();
      toast(t("factor.removed"));
    },
  });
  const step = on ? remove : setup ? confirm : begin;
  return (
    <SettingsSection title={t("factor.title")} description={t(on ? "factor.on" : "factor.off")}>
      {codes.length > 0 && <RecoveryCodes codes={codes} />}
      <form
        style={{ display: "grid", gap: 10, maxWidth: 320 }}
        onSubmit={(event) => {
          event.preventDefault();
          step.mutate();
        }}
      >
        {setup && <FactorSetup setup={setup} />}
        {!setup && (
          <PasswordInput
            label={t("password.old")}
            autoComplete="current-password"
            visibilityToggleButtonProps={{ "aria-label": t("signIn.show") }}
            value={password}
            onChange={(e) => setPassword(e.currentTarget.value)}
          />
        )}
        {(setup || on) && (
          <TextInput
            label={t("factor.code")}
            autoComplete="one-time-code"
            value={code}
            onChange={(e) => setCode(e.currentTarget.value)}
          />
        )}
        {step.error && <ErrorNote error={step.error} />}
        <div>
          <Button
            type="submit"
            variant={on ? "default" : "filled"}
            loading={step.isPending}
            disabled={setup ? !code : !password || (on && !code)}
          >
            {t(on ? "factor.remove" : setup ? "factor.confirm" : "factor.begin")}
          </Button>
        </div>
      </form>
    </SettingsSection>
  );
}

interface PolicyProps {
  settings: Settings;
  save: (patch: object) => void;
  busy: boolean;
  error: unknown;
}

/** Who has to sign in with a second factor. */
export function FactorPolicy({ settings, save, busy, error }: PolicyProps) {
  const readOnly = !useCan("settings", "update");
  const roles = useQuery(rolesOptions).data ?? [];
  const [required, setRequired] = useState(settings.secondFactor?.required ?? false);
  const [roleIds, setRoleIds] = useState<string[]>(settings.secondFactor?.roleIds ?? []);
  return (
    <SettingsSection title={t("factor.policy")} description={t("factor.policyText")}>
      <div style={{ display: "grid", gap: 10, maxWidth: 420 }}>
        <Switch
          label={t("factor.everybody")}
          disabled={readOnly}
          checked={required}
          onChange={(e) => setRequired(e.currentTarget.checked)}
        />
        {!required && (
          <MultiSelect
            label={t("factor.roles")}
            readOnly={readOnly}
            data={roles.map((r) => ({ value: r.id, label: r.name }))}
            value={roleIds}
            onChange={setRoleIds}
          />
        )}
      </div>
      {error ? <ErrorNote error={error} /> : null}
      {!readOnly && (
        <div className={classes["bar"]}>
          <Button loading={busy} onClick={() => save({ secondFactor: { required, roleIds } })}>
            {t("common.save")}
          </Button>
        </div>
      )}
    </SettingsSection>
  );
}
