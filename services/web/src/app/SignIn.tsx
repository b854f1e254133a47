import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useEffect, useState, type FormEvent } from "react";
import { ApiError } from "../api/errors";
import { session, type SignInAnswer } from "../api/session";
import { t } from "../i18n";
import { messageOf } from "../parts/notes";
import { FactorSetup, RecoveryCodes } from "../parts/SecondFactor";
import { ForgotPassword } from "./ForgotPassword";
import { Providers } from "./Providers";
import classes from "./signin.module.css";

/** E-mail and password, and what follows from them: choice of organisation, a new password, or why not. */
export function SignIn() {
  const [email, setEmail] = useState(() => localStorage.getItem("kontor.email") ?? "");
  const [password, setPassword] = useState("");
  const [newPassword, setNewPassword] = useState("");
  const [expired, setExpired] = useState(false);
  const [answer, setAnswer] = useState<SignInAnswer>({ organizations: [] });
  const [code, setCode] = useState("");
  const [coded, setCoded] = useState(false);
  const [forgot, setForgot] = useState(false);
  const { organizations, setup, recoveryCodes, proceed } = answer;
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const wait = useCountdown(error instanceof ApiError ? error.retryAfter : 0, error);

  const signIn = async (organizationId?: string): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      const next = await session.signIn(email.trim(), password, {
        ...(organizationId ? { organizationId } : {}),
        ...(expired && newPassword ? { newPassword } : {}),
        ...(code ? { code } : {}),
      });
      localStorage.setItem("kontor.email", email.trim());
      setAnswer(next);
      setCoded(coded || next.setup !== undefined);
    } catch (failure) {
      if (failure instanceof ApiError && failure.reason === "PASSWORD_EXPIRED") {
        setExpired(true);
      }
      if (failure instanceof ApiError && failure.reason === "SECOND_FACTOR_REQUIRED") {
        setCoded(true);
      }
      if (failure instanceof ApiError && failure.reason === "SECOND_FACTOR_WRONG") {
        setCode("");
      }
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void signIn();
  };

  return (
    <main className={classes["page"]}>
      <div className={classes["card"]}>
        <div className={classes["brand"]}>
          <img src="/icon.svg" alt="" width={34} height={34} />
          <h1>Kontor</h1>
        </div>
        {recoveryCodes && proceed ? (
          <div className={classes["form"]}>
            <RecoveryCodes codes={recoveryCodes} />
            <Button size="sm" onClick={proceed}>
              {t("factor.kept")}
            </Button>
          </div>
        ) : organizations.length > 0 ? (
          <div className={classes["form"]}>
            <h2>{t("signIn.choose")}</h2>
            {organizations.map((organization) => (
              <Button
                key={organization.id}
                variant="default"
                size="sm"
                loading={busy}
                onClick={() => void signIn(organization.id)}
              >
                {organization.name}
              </Button>
            ))}
          </div>
        ) : forgot ? (
          <ForgotPassword email={email} onBack={() => setForgot(false)} />
        ) : (
          <form className={classes["form"]} onSubmit={submit}>
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
            <PasswordInput
              size="sm"
              label={t("signIn.password")}
              name="password"
              autoComplete="current-password"
              required
              withAsterisk={false}
              visibilityToggleButtonProps={{ "aria-label": t("signIn.show") }}
              value={password}
              onChange={(e) => setPassword(e.currentTarget.value)}
            />
            {expired && (
              <PasswordInput
                size="sm"
                label={t("signIn.newPassword")}
                description={t("password.rule")}
                name="newPassword"
                autoComplete="new-password"
                required
                withAsterisk={false}
                visibilityToggleButtonProps={{ "aria-label": t("signIn.show") }}
                value={newPassword}
                onChange={(e) => setNewPassword(e.currentTarget.value)}
              />
            )}
            {setup && <FactorSetup setup={setup} />}
            {coded && (
              <TextInput
                size="sm"
                label={t("factor.code")}
                description={t("factor.codeHint")}
                name="code"
                autoComplete="one-time-code"
                required
                withAsterisk={false}
                value={code}
                onChange={(e) => setCode(e.currentTarget.value)}
              />
            )}
            {error !== undefined && (
              <div role="alert" className={classes["error"]}>
                {wait > 0 ? t("signIn.limited", { count: wait }) : messageOf(error)}
              </div>
            )}
            <Button type="submit" size="sm" loading={busy} disabled={wait > 0}>
              {t("signIn.go")}
            </Button>
            <Button size="sm" variant="subtle" onClick={() => setForgot(true)}>
              {t("signIn.forgot")}
            </Button>
            <Providers onError={setError} />
          </form>
        )}
        <p className={classes["foot"]}>{t("signIn.help")}</p>
      </div>
    </main>
  );
}

// Seconds left until trying again is allowed; begins anew with each refusal.
function useCountdown(seconds: number, refusal: unknown): number {
  const [state, setState] = useState({ refusal, left: seconds });
  if (state.refusal !== refusal) {
    setState({ refusal, left: seconds });
  }
  useEffect(() => {
    if (seconds <= 0) {
      return undefined;
    }
    const timer = setInterval(() => setState((now) => ({ ...now, left: Math.max(0, now.left - 1) })), 1000);
    return () => clearInterval(timer);
  }, [seconds, refusal]);
  return state.left;
}
