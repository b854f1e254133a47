import { Button, PasswordInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, call } from "../../api/client";
import { t } from "../../i18n";
import { ErrorNote, messageOf, SkeletonRows } from "../../parts/notes";
import { SettingsSection, SettingsTable } from "../../parts/SettingsSection";
import { toast } from "../../parts/toasts";
import { When } from "../../parts/When";
import { ChangeEmail } from "./email";
import { SecondFactor } from "./factor";
import { sessionsOptions } from "./queries";
import { WorkingTime } from "./workingTime";

/** What is the caller's own: sessions, password, second factor, presence and working hours. */
export function SessionsPage() {
  const client = useQueryClient();
  const sessions = useQuery(sessionsOptions);
  const end = useMutation({
    mutationFn: (id: string) => call(api.DELETE("/v1/sessions/{id}", { params: { path: { id } } })),
    onSettled: () => void client.invalidateQueries({ queryKey: sessionsOptions.queryKey }),
    onError: (error) => toast(messageOf(error), { tone: "bad" }),
  });
  return (
    <>
      <SettingsSection title={t("sessions.title")} description={t("sessions.text")}>
        {sessions.error ? (
          <ErrorNote error={sessions.error} retry={() => void sessions.refetch()} />
        ) : sessions.isPending ? (
          <SkeletonRows count={4} />
        ) : (
          <SettingsTable
            label={t("sessions.title")}
            head={[
              t("sessions.program"),
              t("sessions.address"),
              t("sessions.begun"),
              t("sessions.lastUse"),
              <span key="x" className="hidden">
                {t("card.more")}
              </span>,
            ]}
          >
            {sessions.data.map((session) => (
              <tr key={session.id}>
                <td title={session.userAgent}>{programOf(session.userAgent)}</td>
                <td>{session.lastAddress || session.address}</td>
                <td>
                  <When at={session.createTime} />
                </td>
                <td>
                  <When at={session.lastUseTime} />
                </td>
                <td style={{ textAlign: "right" }}>
                  {session.current ? (
                    <span className="good">{t("sessions.this")}</span>
                  ) : (
                    <Button size="compact-xs" variant="default" onClick={() => end.mutate(session.id)}>
                      {t("sessions.end")}
                    </Button>
                  )}
                </td>
              </tr>
            ))}
          </SettingsTable>
        )}
      </SettingsSection>
      <ChangePassword />
      <ChangeEmail />
      <SecondFactor />
      <WorkingTime />
    </>
  );
}

/** A browser and system out of what a program calls itself. */
export function programOf(userAgent: string): string {
  const browser = /(Edg|OPR|Firefox|Chrome|Safari)\/[\d.]+/
    .exec(userAgent)?.[1]
    ?.replace("Edg", "Edge")
    .replace("OPR", "Opera");
  const system = /(Windows|Mac OS X|Android|iPhone|iPad|Linux)/
    .exec(userAgent)?.[1]
    ?.replace("Mac OS X", "macOS");
  return [browser, system].filter(Boolean).join(" · ") || userAgent || "–";
}

function ChangePassword() {
  const [password, setPassword] = useState("");
  const [next, setNext] = useState("");
  const change = useMutation({
    mutationFn: () => call(api.POST("/v1/me:changePassword", { body: { password, newPassword: next } })),
    onSuccess: () => {
      setPassword("");
      setNext("");
      toast(t("password.changed"), { tone: "good" });
    },
  });
  return (
    <SettingsSection title={t("password.title")}>
      <form
        style={{ display: "grid", gap: 10, maxWidth: 320 }}
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        <PasswordInput
          label={t("password.old")}
          autoComplete="current-password"
          visibilityToggleButtonProps={{ "aria-label": t("signIn.show") }}
          value={password}
          onChange={(e) => setPassword(e.currentTarget.value)}
        />
        <PasswordInput
          label={t("signIn.newPassword")}
          description={t("password.rule")}
          autoComplete="new-password"
          visibilityToggleButtonProps={{ "aria-label": t("signIn.show") }}
          value={next}
          onChange={(e) => setNext(e.currentTarget.value)}
        />
        {change.error && <ErrorNote error={change.error} />}
        <div>
          <Button type="submit" loading={change.isPending} disabled={!password || !next}>
            {t("password.change")}
          </Button>
        </div>
      </form>
    </SettingsSection>
  );
}
