import { Button, NumberInput, Select, Switch } from "@mantine/core";
import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, call } from "../../api/client";
import { useCan } from "../../api/directory";
import { t } from "../../i18n";
import { ErrorNote, SkeletonRows } from "../../parts/notes";
import { SettingsSection } from "../../parts/SettingsSection";
import { toast } from "../../parts/toasts";
import { pipelinesOptions } from "../deals/queries";

interface Auto {
  contact: boolean;
  company: boolean;
  deal: boolean;
  pipelineId: string;
}

interface LeadSettings {
  etag: string;
  hours: number;
  auto: Auto;
}

const NOTHING: Auto = { contact: false, company: false, deal: false, pipelineId: "" };

const leadSettingsOptions = queryOptions({
  queryKey: ["leadSettings"],
  queryFn: async ({ signal }): Promise<LeadSettings> => {
    const settings = (await call(api.GET("/v1/leadSettings", { signal }))).leadSettings;
    return {
      etag: settings?.etag ?? "",
      hours: Number.parseFloat(settings?.untouchedLimit ?? "0") / 3600,
      auto: { ...NOTHING, ...settings?.autoConversion },
    };
  },
});

/** How the organisation handles leads: the time to react, and what is made of a lead that is taken into work (CON-2, CON-5). */
export function LeadSettingsPage() {
  const query = useQuery(leadSettingsOptions);
  if (query.error) {
    return <ErrorNote error={query.error} retry={() => void query.refetch()} />;
  }
  return query.data ? <Form key={query.data.etag} settings={query.data} /> : <SkeletonRows count={4} />;
}

function Form({ settings }: { settings: LeadSettings }) {
  const client = useQueryClient();
  const ro = !useCan("settings", "update");
  const pipelines = useQuery(pipelinesOptions).data ?? [];
  const [hours, setHours] = useState(settings.hours);
  const [auto, setAuto] = useState(settings.auto);
  const save = useMutation({
    mutationFn: () =>
      call(
        api.PATCH("/v1/leadSettings", {
          params: { query: { updateMask: "untouched_limit,auto_conversion" } },
          body: {
            etag: settings.etag,
            untouchedLimit: `${Math.round(hours * 3600)}s`,
            autoConversion: auto,
          } as never,
        }),
      ),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["leadSettings"] });
      toast(t("leadSettings.saved"));
    },
  });
  const choose = (part: Partial<Auto>): void => setAuto({ ...auto, ...part });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <SettingsSection title={t("leadSettings.time")} description={t("leadSettings.timeText")}>
        <NumberInput
          label={t("leadSettings.hours")}
          value={hours}
          min={0.1}
          max={8760}
          decimalScale={2}
          disabled={ro}
          w={160}
          onChange={(value) => setHours(Number(value) || 0)}
        />
      </SettingsSection>
      <SettingsSection title={t("leadSettings.auto")} description={t("leadSettings.autoText")}>
        <div style={{ display: "grid", gap: 8, maxWidth: 320 }}>
          <Switch
            label={t("contact.one")}
            checked={auto.contact}
            disabled={ro}
            onChange={(e) => choose({ contact: e.currentTarget.checked })}
          />
          <Switch
            label={t("company.one")}
            checked={auto.company}
            disabled={ro}
            onChange={(e) => choose({ company: e.currentTarget.checked })}
          />
          <Switch
            label={t("deal.one")}
            checked={auto.deal}
            disabled={ro}
            onChange={(e) => choose({ deal: e.currentTarget.checked })}
          />
          {auto.deal && (
            <Select
              label={t("leadSettings.pipeline")}
              placeholder={t("leadSettings.defaultPipeline")}
              data={pipelines.map((p) => ({ value: p.id, label: p.name }))}
              value={auto.pipelineId || null}
              clearable
              disabled={ro}
              onChange={(id) => choose({ pipelineId: id ?? "" })}
            />
          )}
        </div>
      </SettingsSection>
      {save.error && <ErrorNote error={save.error} />}
      {!ro && (
        <Button type="submit" loading={save.isPending} disabled={hours <= 0}>
          {t("common.save")}
        </Button>
      )}
    </form>
  );
}
