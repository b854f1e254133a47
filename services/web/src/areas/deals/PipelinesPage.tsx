import { ActionIcon, Button, ColorInput, NumberInput, Select, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, call } from "../../api/client";
import { useCan } from "../../api/directory";
import type { Pipeline, Stage } from "../../api/model";
import { t } from "../../i18n";
import { Dialog } from "../../parts/Dialog";
import { IconArrowDown, IconArrowUp, IconPlus, IconX } from "../../parts/icons";
import { ErrorNote, SkeletonRows } from "../../parts/notes";
import { SettingsSection } from "../../parts/SettingsSection";
import { toast } from "../../parts/toasts";
import { boardKeys, pipelinesOptions } from "./queries";
import { stageColor } from "./stages";
import classes from "./deals.module.css";

type Draft = Omit<Stage, "id"> & { id: string; key: string };

const KINDS = ["STAGE_KIND_OPEN", "STAGE_KIND_WON", "STAGE_KIND_LOST"] as const;

/** Pipelines with their stages and lost reasons (DEAL-2). */
export function PipelinesPage() {
  const pipelines = useQuery(pipelinesOptions);
  const mayUpdate = useCan("settings", "update");
  const [adding, setAdding] = useState(false);
  if (pipelines.error) {
    return <ErrorNote error={pipelines.error} retry={() => void pipelines.refetch()} />;
  }
  if (pipelines.isPending) {
    return <SkeletonRows />;
  }
  return (
    <>
      {pipelines.data.map((pipeline) => (
        <PipelineEditor key={`${pipeline.id}-${pipeline.etag}`} pipeline={pipeline} readOnly={!mayUpdate} />
      ))}
      {mayUpdate && (
        <Button
          variant="default"
          leftSection={<IconPlus size={14} />}
          onClick={() => setAdding(true)}
          style={{ justifySelf: "start" }}
        >
          {t("pipeline.new")}
        </Button>
      )}
      {adding && <NewPipeline onClose={() => setAdding(false)} />}
    </>
  );
}

function NewPipeline({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const create = useMutation({
    mutationFn: () =>
      call(
        api.POST("/v1/pipelines", {
          body: {
            name: name.trim(),
            stages: [
              { name: t("pipeline.first"), kind: "STAGE_KIND_OPEN", probability: 10 },
              { name: t("deal.state.WON"), kind: "STAGE_KIND_WON", probability: 100 },
              { name: t("deal.state.LOST"), kind: "STAGE_KIND_LOST", probability: 0 },
            ],
          },
        }),
      ),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: pipelinesOptions.queryKey });
      onClose();
    },
  });
  return (
    <Dialog
      title={t("pipeline.new")}
      submitLabel={t("common.create")}
      onClose={onClose}
      onSubmit={() => create.mutate()}
      busy={create.isPending}
      disabled={!name.trim()}
      error={create.error}
    >
      <TextInput
        label={t("pipeline.name")}
        data-autofocus
        value={name}
        onChange={(e) => setName(e.currentTarget.value)}
      />
    </Dialog>
  );
}

function PipelineEditor({ pipeline, readOnly }: { pipeline: Pipeline; readOnly: boolean }) {
  const client = useQueryClient();
  const [name, setName] = useState(pipeline.name);
  const [stages, setStages] = useState<Draft[]>(() => pipeline.stages.map((s) => ({ ...s, key: s.id })));
  const [reasons, setReasons] = useState(() => pipeline.lostReasons.map((r) => r.name).join("\n"));
  const [mapping, setMapping] = useState<Record<string, string>>({});
  const removed = pipeline.stages.filter((s) => !stages.some((d) => d.id === s.id));
  const dirty =
    name !== pipeline.name ||
    reasons !== pipeline.lostReasons.map((r) => r.name).join("\n") ||
    JSON.stringify(stages.map(strip)) !==
      JSON.stringify(pipeline.stages.map((s) => strip({ ...s, key: s.id })));
  const save = useMutation({
    mutationFn: () => {
      const reasonIds = new Map(pipeline.lostReasons.map((r) => [r.name, r.id]));
      return call(
        api.PATCH("/v1/pipelines/{id}", {
          params: {
            path: { id: pipeline.id },
            query: {
              updateMask: "name,stages,lost_reasons",
              ...(Object.keys(mapping).length > 0 ? { stageMapping: mapping } : {}),
            } as never,
          },
          body: {
            name: name.trim(),
            etag: pipeline.etag,
            stages: stages.map(strip),
            lostReasons: reasons
              .split("\n")
              .map((line) => line.trim())
              .filter(Boolean)
              .map((reason) => ({ id: reasonIds.get(reason) ?? "", name: reason })),
          } as never,
        }),
      );
    },
    onSuccess: (answer) => {
      void client.invalidateQueries({ queryKey: pipelinesOptions.queryKey });
      void client.invalidateQueries({ queryKey: boardKeys.all });
      const warning = answer.warnings?.[0]?.message;
      toast(warning ?? t("field.saved", { label: name }));
    },
  });
  const change = (index: number, patch: Partial<Draft>): void =>
    setStages(stages.map((s, i) => (i === index ? { ...s, ...patch } : s)));
  const swap = (a: number, b: number): void => {
    const next = [...stages];
    const [x, y] = [next[a], next[b]];
    if (x && y) {
      next[a] = y;
      next[b] = x;
      setStages(next);
    }
  };
  return (
    <SettingsSection title={pipeline.name} description={pipeline.isDefault ? t("pipeline.default") : ""}>
      <TextInput
        label={t("pipeline.name")}
        maw={320}
        value={name}
        readOnly={readOnly}
        onChange={(e) => setName(e.currentTarget.value)}
      />
      <div className={classes["pipelineStages"]} role="group" aria-label={t("deal.stages")}>
        {stages.map((stage, i) => (
          <div key={stage.key}>
            <i
              className={classes["dot"]}
              style={{ background: stageColor(stage, i), justifySelf: "center" }}
              aria-hidden
            />
            <TextInput
              aria-label={t("pipeline.stageName", { number: i + 1 })}
              value={stage.name}
              readOnly={readOnly}
              onChange={(e) => change(i, { name: e.currentTarget.value })}
            />
            <Select
              aria-label={t("pipeline.stageKind")}
              data={KINDS.map((value) => ({ value, label: t(`pipeline.${value}`) }))}
              value={stage.kind}
              readOnly={readOnly}
              allowDeselect={false}
              onChange={(kind) => change(i, { kind: (kind ?? "STAGE_KIND_OPEN") as Stage["kind"] })}
            />
            <NumberInput
              aria-label={t("deal.probability")}
              suffix=" %"
              min={0}
              max={100}
              hideControls
              value={stage.probability}
              readOnly={readOnly || stage.kind !== "STAGE_KIND_OPEN"}
              onChange={(v) => change(i, { probability: Number(v) || 0 })}
            />
            <ColorInput
              size="xs"
              aria-label={t("pipeline.color")}
              format="hex"
              withEyeDropper={false}
              value={stage.color}
              readOnly={readOnly}
              placeholder={t("pipeline.auto")}
              onChange={(color) => change(i, { color: /^#[0-9a-f]{6}$/i.test(color) ? color : "" })}
            />
            {!readOnly && (
              <span style={{ display: "flex" }}>
                <ActionIcon
                  size={24}
                  aria-label={t("pipeline.up")}
                  disabled={i === 0}
                  onClick={() => swap(i, i - 1)}
                >
                  <IconArrowUp size={14} />
                </ActionIcon>
                <ActionIcon
                  size={24}
                  aria-label={t("pipeline.down")}
                  disabled={i === stages.length - 1}
                  onClick={() => swap(i, i + 1)}
                >
                  <IconArrowDown size={14} />
                </ActionIcon>
                <ActionIcon
                  size={24}
                  aria-label={t("pipeline.removeStage", { name: stage.name })}
                  onClick={() => setStages(stages.filter((_, n) => n !== i))}
                >
                  <IconX size={14} />
                </ActionIcon>
              </span>
            )}
          </div>
        ))}
      </div>
      {removed.map((stage) => (
        <Select
          key={stage.id}
          label={t("pipeline.whereTo", { name: stage.name })}
          maw={320}
          data={stages
            .filter((s) => s.id && s.kind === stage.kind)
            .map((s) => ({ value: s.id, label: s.name }))}
          value={mapping[stage.id] ?? null}
          onChange={(to) => setMapping((before) => ({ ...before, [stage.id]: to ?? "" }))}
        />
      ))}
      {!readOnly && (
        <Button
          size="compact-sm"
          variant="subtle"
          leftSection={<IconPlus size={13} />}
          style={{ justifySelf: "start" }}
          onClick={() => {
            const at = stages.findIndex((s) => s.kind !== "STAGE_KIND_OPEN");
            const stage: Draft = {
              id: "",
              key: crypto.randomUUID(),
              name: "",
              kind: "STAGE_KIND_OPEN",
              color: "",
              probability: 50,
              timeLimitDays: 0,
            };
            setStages(stages.toSpliced(at < 0 ? stages.length : at, 0, stage));
          }}
        >
          {t("pipeline.addStage")}
        </Button>
      )}
      <Textarea
        label={t("pipeline.reasons")}
        description={t("pipeline.reasonsHint")}
        maw={420}
        value={reasons}
        readOnly={readOnly}
        onChange={(e) => setReasons(e.currentTarget.value)}
      />
      {save.error && <ErrorNote error={save.error} />}
      {dirty && !readOnly && (
        <div>
          <Button
            loading={save.isPending}
            disabled={stages.some((s) => !s.name.trim()) || !name.trim()}
            onClick={() => save.mutate()}
          >
            {t("common.save")}
          </Button>
        </div>
      )}
    </SettingsSection>
  );
}

function strip({ id, name, kind, color, probability, timeLimitDays }: Draft): Stage {
  return { id, name: name.trim(), kind, color, probability, timeLimitDays };
}
