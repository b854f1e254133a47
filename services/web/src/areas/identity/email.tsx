import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, call } from "../../api/client";
import { useMe } from "../../api/directory";
import { t } from "../../i18n";
import { ErrorNote } from "../../parts/notes";
import { SettingsSection } from "../../parts/SettingsSection";

/** The address to sign in with; a new one is confirmed by a letter to it (ID-12). */
export function ChangeEmail() {
  const me = useMe();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const change = useMutation({
    mutationFn: () => call(api.POST("/v1/me:changeEmail", { body: { email: email.trim(), password } })),
    onSuccess: () => setPassword(""),
  });
  return (
    <SettingsSection title={t("email.title")} description={t("email.text", { email: me.user.email })}>
      <form
        style={{ display: "grid", gap: 10, maxWidth: 320 }}
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        <TextInput
          label={t("email.new")}
          type="email"
          autoComplete="email"
          value={email}
          onChange={(e) => setEmail(e.currentTarget.value)}
        />
        <PasswordInput
          label={t("password.old")}
          autoComplete="current-password"
          visibilityToggleButtonProps={{ "aria-label": t("signIn.show") }}
          value={password}
          onChange={(e) => setPassword(e.currentTarget.value)}
        />
        {change.error && <ErrorNote error={change.error} />}
        {change.isSuccess && <p role="status">{t("email.asked")}</p>}
        <div>
          <Button type="submit" loading={change.isPending} disabled={!email.trim() || !password}>
            {t("email.change")}
          </Button>
        </div>
      </form>
    </SettingsSection>
  );
}
