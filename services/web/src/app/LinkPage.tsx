import { Button, PasswordInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactNode } from "react";
import { api, call } from "../api/client";
import { t } from "../i18n";
import { messageOf } from "../parts/notes";
import classes from "./signin.module.css";

/** Where links sent by mail lead: a password is chosen, or a new address confirmed (ID-12). */
export function LinkPage() {
  // The token is taken out of the address, so that it stays neither on the screen nor in the history.
  const [token] = useState(() => {
    const found = window.location.hash.slice(1);
    window.history.replaceState(null, "", "/link");
    return found;
  });
  const link = useQuery({
    queryKey: ["link", token],
    queryFn: ({ signal }) => call(api.POST("/v1/links:lookUp", { body: { token }, signal })),
    retry: false,
    staleTime: Infinity,
  });
  const [done, setDone] = useState("");
  if (done) {
    return (
      <Frame title={done}>
        <Button size="sm" component="a" href="/">
          {t("link.signIn")}
        </Button>
      </Frame>
    );
  }
  if (link.error) {
    return (
      <Frame title={t("link.invalid")}>
        <div role="alert" className={classes["error"]}>
          {messageOf(link.error)}
        </div>
        <Button size="sm" variant="default" component="a" href="/">
          {t("link.signIn")}
        </Button>
      </Frame>
    );
  }
  if (!link.data) {
    return <Frame title={t("link.looking")} />;
  }
  const names = {
    name: link.data.userName ?? "",
    organization: link.data.organizationName ?? "",
    email: link.data.email ?? "",
  };
  return link.data.purpose === "LINK_PURPOSE_EMAIL_CHANGE" ? (
    <ConfirmEmail token={token} names={names} onDone={setDone} />
  ) : (
    <ChoosePassword
      token={token}
      names={names}
      invited={link.data.purpose === "LINK_PURPOSE_INVITATION"}
      onDone={setDone}
    />
  );
}

interface StepProps {
  token: string;
  names: { name: string; organization: string; email: string };
  onDone: (said: string) => void;
}

function ChoosePassword({ token, names, invited, onDone }: StepProps & { invited: boolean }) {
  const [password, setPassword] = useState("");
  const save = useMutation({
    mutationFn: () => call(api.POST("/v1/links:setPassword", { body: { token, password } })),
    onSuccess: () => {
      localStorage.setItem("kontor.email", names.email);
      onDone(t("link.passwordSet"));
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Frame title={invited ? t("link.welcome", names) : t("link.reset", names)}>
      <form className={classes["form"]} onSubmit={submit}>
        <p>{t("link.choose", names)}</p>
        <input type="email" name="email" autoComplete="username" value={names.email} readOnly hidden />
        <PasswordInput
          size="sm"
          label={t("signIn.newPassword")}
          description={t("password.rule")}
          name="newPassword"
          autoComplete="new-password"
          required
          withAsterisk={false}
          data-autofocus
          visibilityToggleButtonProps={{ "aria-label": t("signIn.show") }}
          value={password}
          onChange={(e) => setPassword(e.currentTarget.value)}
        />
        {save.error && (
          <div role="alert" className={classes["error"]}>
            {messageOf(save.error)}
          </div>
        )}
        <Button type="submit" size="sm" loading={save.isPending}>
          {t("link.setPassword")}
        </Button>
      </form>
    </Frame>
  );
}

function ConfirmEmail({ token, names, onDone }: StepProps) {
  const confirm = useMutation({
    mutationFn: () => call(api.POST("/v1/links:confirmEmail", { body: { token } })),
    onSuccess: () => {
      localStorage.setItem("kontor.email", names.email);
      onDone(t("link.emailChanged", names));
    },
  });
  return (
    <Frame title={t("link.email")}>
      <div className={classes["form"]}>
        <p>{t("link.emailText", names)}</p>
        {confirm.error && (
          <div role="alert" className={classes["error"]}>
            {messageOf(confirm.error)}
          </div>
        )}
        <Button size="sm" loading={confirm.isPending} onClick={() => confirm.mutate()}>
          {t("link.confirm")}
        </Button>
      </div>
    </Frame>
  );
}

function Frame({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <main className={classes["page"]}>
      <div className={classes["card"]}>
        <div className={classes["brand"]}>
          <img src="/icon.svg" alt="" width={34} height={34} />
          <h1>Kontor</h1>
        </div>
        <div className={classes["form"]}>
          <h2>{title}</h2>
          {children}
        </div>
      </div>
    </main>
  );
}
