import { Button, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { api, call } from "../api/client";
import { t } from "../i18n";
import { messageOf } from "../parts/notes";
import classes from "./signin.module.css";

/** Asks for a link to choose a new password with. What it says is the same whether there is such an account (ID-12). */
export function ForgotPassword({ email: given, onBack }: { email: string; onBack: () => void }) {
  const [email, setEmail] = useState(given);
  const ask = useMutation({
    mutationFn: () => call(api.POST("/v1/links:requestPasswordReset", { body: { email: email.trim() } })),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    ask.mutate();
  };
  return (
    <form className={classes["form"]} onSubmit={submit}>
      <h2>{t("forgot.title")}</h2>
      {ask.isSuccess ? (
        <p role="status">{t("forgot.asked", { email: email.trim() })}</p>
      ) : (
        <>
          <TextInput
            size="sm"
            label={t("signIn.email")}
            type="email"
            name="email"
            autoComplete="username"
            required
            withAsterisk={false}
            value={email}
            onChange={(e) => setEmail(e.currentTarget.value)}
            data-autofocus
          />
          {ask.error && (
            <div role="alert" className={classes["error"]}>
              {messageOf(ask.error)}
            </div>
          )}
          <Button type="submit" size="sm" loading={ask.isPending}>
            {t("forgot.go")}
          </Button>
        </>
      )}
      <Button size="sm" variant="subtle" onClick={onBack}>
        {t("forgot.back")}
      </Button>
    </form>
  );
}
