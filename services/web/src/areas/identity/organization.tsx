import { Button, NumberInput, PasswordInput, Select, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, call } from "../../api/client";
import { useCan } from "../../api/directory";
import { faultOf } from "../../api/errors";
import type { Settings } from "../../api/model";
import { maskOf } from "../../api/resource";
import { t } from "../../i18n";
import { ErrorNote, SkeletonRows } from "../../parts/notes";
import { SettingsSection } from "../../parts/SettingsSection";
import { toast } from "../../parts/toasts";
import { currencyCodes } from "../deals/currencies";
import { FactorPolicy } from "./factor";
import { settingsOptions } from "./queries";
import classes from "./identity.module.css";

const DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"] as const;
const SECURITY = ["SMTP_SECURITY_STARTTLS", "SMTP_SECURITY_TLS", "SMTP_SECURITY_NONE"] as const;

/** What holds for the whole organisation (ID-13). */
export function OrganizationPage() {
  const settings = useQuery(settingsOptions);
  if (settings.error) {
    return <ErrorNote error={settings.error} retry={() => void settings.refetch()} />;
  }
  if (settings.isPending) {
    return <SkeletonRows />;
  }
  return (
    <>
      <General key={`g-${settings.data.etag}`} settings={settings.data} />
      <Factors key={`f-${settings.data.etag}`} settings={settings.data} />
      <Smtp key={`s-${settings.data.etag}`} settings={settings.data} />
    </>
  );
}

function useSaveSettings(settings: Settings) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (patch: object) =>
      call(
        api.PATCH("/v1/settings", {
          params: { query: { updateMask: maskOf(patch) } },
          body: { ...patch, etag: settings.etag } as never,
        }),
      ),
    onSuccess: (answer) => {
      client.setQueryData(settingsOptions.queryKey, answer.settings as unknown as Settings);
      void client.invalidateQueries({ queryKey: ["me"] });
      toast(t("settings.saved"));
    },
  });
}

function Factors({ settings }: { settings: Settings }) {
  const save = useSaveSettings(settings);
  return (
    <FactorPolicy
      settings={settings}
      save={(patch) => save.mutate(patch)}
      busy={save.isPending}
      error={save.error}
    />
  );
}

function months(): { value: string; label: string }[] {
  const format = new Intl.DateTimeFormat(undefined, { month: "long", timeZone: "UTC" });
  return Array.from({ length: 12 }, (_, i) => ({
    value: String(i + 1),
    label: format.format(Date.UTC(2024, i, 1)),
  }));
}

function General({ settings }: { settings: Settings }) {
  const readOnly = !useCan("settings", "update");
  const save = useSaveSettings(settings);
  const [draft, setDraft] = useState({
    name: settings.name,
    timeZone: settings.timeZone,
    language: settings.language,
    country: settings.country,
    baseCurrency: settings.baseCurrency,
    weekStart: settings.weekStart,
    fiscalYearStartMonth: settings.fiscalYearStartMonth,
  });
  const change = (patch: Partial<typeof draft>): void => setDraft({ ...draft, ...patch });
  const dirty = (Object.keys(draft) as (keyof typeof draft)[]).some((key) => draft[key] !== settings[key]);
  const zones = typeof Intl.supportedValuesOf === "function" ? Intl.supportedValuesOf("timeZone") : [];
  return (
    <SettingsSection title={t("settings.general")}>
      <div className={classes["two"]}>
        <TextInput
          label={t("settings.name")}
          readOnly={readOnly}
          value={draft.name}
          onChange={(e) => change({ name: e.currentTarget.value })}
          error={faultOf(save.error, "name")}
        />
        <Select
          label={t("settings.timeZone")}
          searchable
          readOnly={readOnly}
          data={[...new Set([settings.timeZone, "UTC", ...zones])]}
          value={draft.timeZone}
          allowDeselect={false}
          onChange={(v) => change({ timeZone: v ?? "" })}
          error={faultOf(save.error, "time_zone")}
        />
        <Select
          label={t("settings.currency")}
          searchable
          readOnly={readOnly}
          data={currencyCodes(settings.baseCurrency)}
          value={draft.baseCurrency}
          allowDeselect={false}
          onChange={(v) => change({ baseCurrency: v ?? "" })}
          error={faultOf(save.error, "base_currency")}
        />
        <TextInput
          label={t("settings.country")}
          readOnly={readOnly}
          maxLength={2}
          value={draft.country}
          onChange={(e) => change({ country: e.currentTarget.value.toUpperCase() })}
          error={faultOf(save.error, "country")}
        />
        <TextInput
          label={t("settings.language")}
          readOnly={readOnly}
          value={draft.language}
          onChange={(e) => change({ language: e.currentTarget.value })}
          error={faultOf(save.error, "language")}
        />
        <Select
          label={t("settings.weekStart")}
          readOnly={readOnly}
          data={DAYS.map((day) => ({ value: `WEEKDAY_${day}`, label: t(`day.${day}`) }))}
          value={draft.weekStart}
          allowDeselect={false}
          onChange={(v) => change({ weekStart: v as never })}
        />
        <Select
          label={t("settings.fiscalYear")}
          readOnly={readOnly}
          data={months()}
          value={String(draft.fiscalYearStartMonth)}
          allowDeselect={false}
          onChange={(v) => change({ fiscalYearStartMonth: Number(v) })}
        />
      </div>
      {save.error && <ErrorNote error={save.error} />}
      {dirty && !readOnly && (
        <div>
          <Button loading={save.isPending} onClick={() => save.mutate(draft)}>
            {t("common.save")}
          </Button>
        </div>
      )}
    </SettingsSection>
  );
}

function Smtp({ settings }: { settings: Settings }) {
  const readOnly = !useCan("settings", "update");
  const save = useSaveSettings(settings);
  const { smtp } = settings;
  const initial = {
    host: smtp?.host ?? "",
    port: smtp?.port ?? 587,
    security: smtp?.security ?? ("SMTP_SECURITY_STARTTLS" as const),
    username: smtp?.username ?? "",
    password: "",
    fromAddress: smtp?.fromAddress ?? "",
    fromName: smtp?.fromName ?? "",
  };
  const [draft, setDraft] = useState(initial);
  const change = (patch: Partial<typeof draft>): void => setDraft({ ...draft, ...patch });
  const test = useMutation({
    mutationFn: () => call(api.POST("/v1/settings:testSmtp", { body: { smtp: draft } as never })),
    onSuccess: (answer) => toast(t("smtp.sent", { to: answer.to ?? "" }), { tone: "good" }),
  });
  const dirty = JSON.stringify(draft) !== JSON.stringify(initial);
  return (
    <SettingsSection title={t("smtp.title")} description={t("smtp.text")}>
      <div className={classes["two"]}>
        <TextInput
          label={t("smtp.host")}
          readOnly={readOnly}
          value={draft.host}
          onChange={(e) => change({ host: e.currentTarget.value })}
          error={faultOf(save.error ?? test.error, "host")}
        />
        <NumberInput
          label={t("smtp.port")}
          readOnly={readOnly}
          hideControls
          min={1}
          max={65535}
          value={draft.port}
          onChange={(v) => change({ port: Number(v) || 0 })}
        />
        <Select
          label={t("smtp.security")}
          readOnly={readOnly}
          data={SECURITY.map((value) => ({ value, label: t(`smtp.${value}`) }))}
          value={draft.security}
          allowDeselect={false}
          onChange={(v) => change({ security: v as never })}
        />
        <TextInput
          label={t("smtp.username")}
          readOnly={readOnly}
          autoComplete="off"
          value={draft.username}
          onChange={(e) => change({ username: e.currentTarget.value })}
        />
        <PasswordInput
          label={t("signIn.password")}
          readOnly={readOnly}
          autoComplete="new-password"
          visibilityToggleButtonProps={{ "aria-label": t("signIn.show") }}
          placeholder={smtp?.passwordSet ? t("smtp.kept") : ""}
          value={draft.password}
          onChange={(e) => change({ password: e.currentTarget.value })}
        />
        <TextInput
          label={t("smtp.from")}
          type="email"
          readOnly={readOnly}
          value={draft.fromAddress}
          onChange={(e) => change({ fromAddress: e.currentTarget.value })}
          error={faultOf(save.error ?? test.error, "from_address")}
        />
        <TextInput
          label={t("smtp.fromName")}
          readOnly={readOnly}
          value={draft.fromName}
          onChange={(e) => change({ fromName: e.currentTarget.value })}
        />
      </div>
      {(save.error ?? test.error) && <ErrorNote error={save.error ?? test.error} />}
      {!readOnly && draft.host && (
        <div className={classes["bar"]}>
          {dirty && (
            <Button loading={save.isPending} onClick={() => save.mutate({ smtp: draft })}>
              {t("common.save")}
            </Button>
          )}
          <Button variant="default" loading={test.isPending} onClick={() => test.mutate()}>
            {t("smtp.test")}
          </Button>
        </div>
      )}
    </SettingsSection>
  );
}
