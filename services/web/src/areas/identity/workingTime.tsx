import { Button, Select, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, call } from "../../api/client";
import { useMe } from "../../api/directory";
import { t } from "../../i18n";
import { ErrorNote } from "../../parts/notes";
import { SettingsSection } from "../../parts/SettingsSection";
import { toast } from "../../parts/toasts";
import classes from "./identity.module.css";

const STATES = ["PRESENCE_STATE_AVAILABLE", "PRESENCE_STATE_AWAY", "PRESENCE_STATE_ABSENT"] as const;
const DAYS = [
  "WEEKDAY_MONDAY",
  "WEEKDAY_TUESDAY",
  "WEEKDAY_WEDNESDAY",
  "WEEKDAY_THURSDAY",
  "WEEKDAY_FRIDAY",
  "WEEKDAY_SATURDAY",
  "WEEKDAY_SUNDAY",
] as const;

/** Whether the caller is there, and when the caller works (ID-2). */
export function WorkingTime() {
  return (
    <>
      <PresenceForm />
      <Hours />
    </>
  );
}

// An instant as a field of date and time shows it, in the browser's zone; and back.
function local(instant: string | undefined): string {
  if (!instant) {
    return "";
  }
  const at = new Date(instant);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function PresenceForm() {
  const presence = useMe().user.presence;
  const client = useQueryClient();
  const [state, setState] = useState<string>(presence?.state ?? STATES[0]);
  const [from, setFrom] = useState(local(presence?.absentFrom));
  const [to, setTo] = useState(local(presence?.absentTo));
  const absent = state === "PRESENCE_STATE_ABSENT";
  const save = useMutation({
    mutationFn: () =>
      call(
        api.POST("/v1/me:setPresence", {
          body: {
            presence: {
              state,
              ...(absent
                ? { absentFrom: new Date(from).toISOString(), absentTo: new Date(to).toISOString() }
                : {}),
            },
          } as never,
        }),
      ),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["me"] });
      void client.invalidateQueries({ queryKey: ["user"] });
      toast(t("presence.saved"));
    },
  });
  return (
    <SettingsSection title={t("presence.title")}>
      <form
        style={{ display: "grid", gap: 10, maxWidth: 320 }}
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <Select
          label={t("presence.state")}
          data={STATES.map((value) => ({ value, label: t(`presence.${value}`) }))}
          value={state}
          allowDeselect={false}
          onChange={(v) => v && setState(v)}
        />
        {absent && (
          <>
            <TextInput
              label={t("presence.from")}
              type="datetime-local"
              required
              value={from}
              onChange={(e) => setFrom(e.currentTarget.value)}
            />
            <TextInput
              label={t("presence.to")}
              type="datetime-local"
              required
              value={to}
              onChange={(e) => setTo(e.currentTarget.value)}
            />
          </>
        )}
        {save.error && <ErrorNote error={save.error} />}
        <div>
          <Button type="submit" variant="default" loading={save.isPending}>
            {t("common.save")}
          </Button>
        </div>
      </form>
    </SettingsSection>
  );
}

interface Interval {
  weekday: string;
  start: string;
  end: string;
}

function Hours() {
  const me = useMe().user;
  const client = useQueryClient();
  const [hours, setHours] = useState<Interval[]>((me.workingHours ?? []) as Interval[]);
  const save = useMutation({
    mutationFn: () =>
      call(
        api.PATCH("/v1/me", {
          params: { query: { updateMask: "workingHours" } },
          body: { workingHours: hours } as never,
        }),
      ),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["me"] });
      toast(t("presence.saved"));
    },
  });
  const change = (at: number, patch: Partial<Interval>): void =>
    setHours(hours.map((h, i) => (i === at ? { ...h, ...patch } : h)));
  return (
    <SettingsSection title={t("presence.hours")} description={t("presence.hoursText")}>
      {hours.map((h, i) => (
        <div key={i} className={classes["bar"]}>
          <Select
            aria-label={t("presence.day")}
            data={DAYS.map((value) => ({ value, label: t(`presence.${value}`) }))}
            value={h.weekday}
            allowDeselect={false}
            onChange={(weekday) => weekday && change(i, { weekday })}
          />
          <TextInput
            aria-label={t("presence.from")}
            type="time"
            value={h.start}
            onChange={(e) => change(i, { start: e.currentTarget.value })}
          />
          <TextInput
            aria-label={t("presence.to")}
            type="time"
            value={h.end}
            onChange={(e) => change(i, { end: e.currentTarget.value })}
          />
          <Button variant="subtle" onClick={() => setHours(hours.filter((_, n) => n !== i))}>
            {t("action.delete")}
          </Button>
        </div>
      ))}
      {save.error && <ErrorNote error={save.error} />}
      <div className={classes["bar"]}>
        <Button
          variant="default"
          onClick={() =>
            setHours([...hours, { weekday: DAYS[hours.length % 7] ?? DAYS[0], start: "09:00", end: "17:00" }])
          }
        >
          {t("presence.add")}
        </Button>
        <Button loading={save.isPending} onClick={() => save.mutate()}>
          {t("common.save")}
        </Button>
      </div>
    </SettingsSection>
  );
}
