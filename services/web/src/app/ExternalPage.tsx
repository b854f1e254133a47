import { Button, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useState, type FormEvent } from "react";
import { session, type ExternalAnswer, type ExternalReturn } from "../api/session";
import { t } from "../i18n";
import { messageOf } from "../parts/notes";
import { FactorSetup, RecoveryCodes } from "../parts/SecondFactor";
import classes from "./signin.module.css";

/** Where a provider sends the browser back to: completes the sign-in, or says why not (ID-7). */
export function ExternalPage({ back }: { back: ExternalReturn }) {
  const completed = useQuery({
    queryKey: ["externalSignIn", back.state],
    queryFn: () => session.completeExternal(back),
    retry: false, // it works once
    staleTime: Infinity,
  });
  const [code, setCode] = useState("");
  const check = useMutation({
    mutationFn: () =>
      session.completeExternal({ providerId: back.providerId, secondFactorCode: code.trim() }),
    onError: () => setCode(""),
  });
  const answer: ExternalAnswer | undefined = check.data ?? completed.data;
  const error = check.error ?? completed.error;
  const codes = answer?.recoveryCodes ?? [];
  const through = answer?.done === true && codes.length === 0;
  useEffect(() => {
    if (through) {
      enter();
    }
  }, [through]);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    check.mutate();
  };
  const asked = answer && !answer.done;
  return (
    <main className={classes["page"]}>
      <div className={classes["card"]}>
        <div className={classes["brand"]}>
          <img src="/icon.svg" alt="" width={34} height={34} />
          <h1>Kontor</h1>
        </div>
        <div className={classes["form"]}>
          {!answer && !error && <h2 role="status">{t("external.completing")}</h2>}
          {error && (
            <div role="alert" className={classes["error"]}>
              {messageOf(error)}
            </div>
          )}
          {asked && (
            <form className={classes["form"]} onSubmit={submit}>
              {answer.setup && <FactorSetup setup={answer.setup} />}
              <TextInput
                size="sm"
                label={t("factor.code")}
                description={t("factor.codeHint")}
                name="code"
                autoComplete="one-time-code"
                required
                withAsterisk={false}
                data-autofocus
                value={code}
                onChange={(e) => setCode(e.currentTarget.value)}
              />
              <Button type="submit" size="sm" loading={check.isPending}>
                {t("signIn.go")}
              </Button>
            </form>
          )}
          {codes.length > 0 && (
            <>
              <RecoveryCodes codes={codes} />
              <Button size="sm" onClick={enter}>
                {t("factor.kept")}
              </Button>
            </>
          )}
          {completed.error && (
            <Button size="sm" variant="default" component="a" href="/">
              {t("external.again")}
            </Button>
          )}
        </div>
      </div>
    </main>
  );
}

function enter(): void {
  window.location.replace("/");
}
