import { Button, FileButton, Progress, SegmentedControl, Select, Textarea, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { can, useMe } from "../../api/directory";
import { downloadFile, uploadFile } from "../../api/files";
import type { Operation } from "../../api/model";
import { t, tIfAny, type MessageKey } from "../../i18n";
import { formatNumber, formatPercent } from "../../parts/format";
import { IconDownload, IconUpload } from "../../parts/icons";
import { useListState } from "../../parts/list/listState";
import { Empty, ErrorNote, messageOf, SkeletonRows } from "../../parts/notes";
import { SettingsSection, SettingsTable } from "../../parts/SettingsSection";
import { toast } from "../../parts/toasts";
import { currencyCodes } from "../deals/currencies";
import {
  cancelOperation,
  hasEnded,
  operationOptions,
  previewImport,
  previewOptions,
  startImport,
  undoOperation,
  type ImportPreview,
} from "./queries";
import {
  dateFormatOf,
  KINDS,
  TARGETS,
  toYaml,
  type ImportKind,
  type ImportSource,
  type MappingChoice,
} from "./targets";
import { Written } from "./Written";
import classes from "./imports.module.css";

/** Imports of these can be taken back. */
const UNDOABLE: ReadonlySet<ImportKind> = new Set(["company", "contact", "lead"]);

const LISTS: Record<ImportKind, string> = {
  company: "/companies",
  contact: "/contacts",
  lead: "/leads",
  product: "/products",
  deal: "/deals",
  user: "/settings/users",
};

/** Brings records in from a CSV file: choose, map, check, import, mend what was refused (CON-17). */
export function ImportPage() {
  const me = useMe();
  const { search, set } = useListState();
  const kinds = KINDS.filter((kind) => can(me, kind, "import"));
  const kind = kinds.find((k) => k === search["kind"]) ?? kinds[0];
  if (!kind) {
    return <Empty title={t("import.notAllowed")} />;
  }
  const operation = search["operation"];
  return (
    <>
      <SettingsSection title={t("import.what")}>
        <SegmentedControl
          className={classes["kinds"] ?? ""}
          aria-label={t("import.what")}
          value={kind}
          onChange={(next) => set({ kind: next, operation: undefined })}
          data={kinds.map((value) => ({ value, label: t(`${value}.many` as MessageKey) }))}
        />
        {operation ? (
          <Running
            key={operation}
            id={operation}
            kind={kind}
            onAgain={() => set({ operation: undefined })}
            onUndo={(id) => set({ operation: id }, true)}
          />
        ) : (
          <Setup key={kind} kind={kind} onStarted={(id) => set({ operation: id }, true)} />
        )}
      </SettingsSection>
    </>
  );
}

function Setup({ kind, onStarted }: { kind: ImportKind; onStarted: (operationId: string) => void }) {
  const me = useMe();
  const [file, setFile] = useState<{ id: string; name: string; size: number }>();
  const [columns, setColumns] = useState<string[]>([]);
  const [choice, setChoice] = useState<MappingChoice>({
    kind,
    columns: {},
    duplicates: "skip",
    currency: me.settings.baseCurrency,
  });
  const [yaml, setYaml] = useState<string>();
  const [over, setOver] = useState(false);
  const [error, setError] = useState<unknown>();
  const text = yaml ?? toYaml(choice);
  const missing =
    yaml === undefined ? TARGETS[kind].filter((f) => f.required && !choice.columns[f.name]) : [];
  const [settled] = useDebouncedValue(text, 300);
  const filled = yaml !== undefined || Object.values(choice.columns).some(Boolean);
  const preview = useQuery(previewOptions(kind, filled ? file?.id : undefined, settled));
  const start = useMutation({
    mutationFn: async (dryRun: boolean) => {
      if (!file) {
        throw new Error(t("import.noFile"));
      }
      return startImport(kind, file.id, text, dryRun);
    },
    onSuccess: (operation) => onStarted(operation.id),
  });
  // How the file is written is found out by the server, as far as the user does not say it, and so is which column
  // fills which field.
  const look = async (fileId: string, name: string, source?: ImportSource): Promise<void> => {
    const found = await previewImport(kind, fileId, source ? { source } : {});
    const proposed = Object.fromEntries(found.fields.map((f) => [f.name ?? "", f.column ?? ""]));
    const dates = TARGETS[kind]
      .filter((f) => (f.type === "date" || f.type === "time") && proposed[f.name])
      .flatMap((f) =>
        found.rows.map((row) => row.cells?.[found.columns.indexOf(proposed[f.name] ?? "")] ?? ""),
      );
    const dateFormat = dateFormatOf(dates);
    const key = found.columns.find((column) => /(^id$|_id$|\bid$)/i.test(column));
    setColumns(found.columns);
    // Cards, and lists of numbers with their kinds, are more than the table can show.
    if (found.source.format === "vcard" || found.source.recognized) {
      setYaml(found.mapping);
    }
    setChoice((before) => ({
      ...before,
      columns: proposed,
      source: found.source,
      ...(dateFormat ? { dateFormat } : {}),
      ...(key ? { externalId: { source: name.replace(/\.\w+$/, ""), column: key } } : {}),
    }));
  };
  const take = async (given: File | null | undefined): Promise<void> => {
    if (!given) {
      return;
    }
    setError(undefined);
    start.reset();
    try {
      if (/\.ya?ml$/i.test(given.name)) {
        setYaml(await given.text());
        return;
      }
      const { id } = await uploadFile(given);
      await look(id, given.name);
      setFile({ id, name: given.name, size: given.size });
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <>
      {/* A drop of a file is a short cut; the button beside it does the same. */}
      {/* oxlint-disable-next-line jsx-a11y/no-static-element-interactions */}
      <div
        className={classes["drop"]}
        data-over={over || undefined}
        onDragOver={(e) => {
          e.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(e) => {
          e.preventDefault();
          setOver(false);
          void Promise.all([...e.dataTransfer.files].map(take));
        }}
      >
        <FileButton onChange={(f) => void take(f)} accept=".csv,.txt,.tsv,.xlsx,.vcf,text/csv,text/vcard">
          {(props) => (
            <Button {...props} variant={file ? "default" : "filled"} leftSection={<IconUpload size={14} />}>
              {file ? t("import.otherFile") : t("import.choose")}
            </Button>
          )}
        </FileButton>
        <span className="muted">
          {file ? `${file.name} · ${formatNumber(file.size / 1024, 0)} KB` : t("import.dropHint")}
        </span>
        <span style={{ flex: 1 }} />
        <FileButton onChange={(f) => void take(f)} accept=".yaml,.yml">
          {(props) => (
            <Button {...props} variant="subtle">
              {t("import.loadMapping")}
            </Button>
          )}
        </FileButton>
      </div>
      {error !== undefined && <ErrorNote error={error} />}
      {file && choice.source?.recognized && (
        <p className="muted">
          {t("import.recognized", {
            program: PROGRAMS[choice.source.recognized] ?? choice.source.recognized,
          })}
        </p>
      )}
      {file && yaml === undefined && choice.source && (
        <Written
          source={choice.source}
          onChange={(source) => void look(file.id, file.name, source).catch(setError)}
        />
      )}
      {(file || yaml !== undefined) && (
        <>
          <div className={classes["bar"]}>
            <h3>{t("import.mapping")}</h3>
            <SegmentedControl
              aria-label={t("import.mapping")}
              value={yaml === undefined ? "table" : "yaml"}
              onChange={(view) => setYaml(view === "yaml" ? text : undefined)}
              data={[
                { value: "table", label: t("import.asTable"), disabled: !file },
                { value: "yaml", label: t("import.asYaml") },
              ]}
            />
          </div>
          {yaml === undefined ? (
            <MappingTable
              kind={kind}
              header={columns}
              choice={choice}
              onChange={(patch) => setChoice({ ...choice, ...patch })}
            />
          ) : (
            <Textarea
              aria-label={t("import.asYaml")}
              className={classes["yaml"] ?? ""}
              spellCheck={false}
              minRows={10}
              maxRows={26}
              value={text}
              onChange={(e) => setYaml(e.currentTarget.value)}
            />
          )}
        </>
      )}
      {preview.error && <ErrorNote error={preview.error} />}
      {preview.data && !preview.error && <Preview preview={preview.data} />}
      {start.error && <ErrorNote error={start.error} />}
      {missing.length > 0 && file && (
        <p className="warn">
          {t("import.missing", { fields: missing.map((f) => fieldLabel(f.name)).join(", ") })}
        </p>
      )}
      {file && (
        <div className={classes["bar"]}>
          <Button loading={start.isPending} disabled={missing.length > 0} onClick={() => start.mutate(false)}>
            {t("import.start")}
          </Button>
          <Button
            variant="default"
            loading={start.isPending}
            disabled={missing.length > 0}
            onClick={() => start.mutate(true)}
          >
            {t("import.check")}
          </Button>
        </div>
      )}
    </>
  );
}

function fieldLabel(name: string): string {
  const camel = name.replace(/_([a-z])/g, (_, c: string) => c.toUpperCase());
  return tIfAny(`fieldName.${camel}`, name.replace(/_/g, " "));
}

/** Programs by the names the server has for them. */
const PROGRAMS: Record<string, string> = {
  google: "Google",
  outlook: "Outlook",
  hubspot: "HubSpot",
  bitrix24: "Bitrix24",
};

/** The first rows of the file, each with what importing it would do. */
function Preview({ preview }: { preview: ImportPreview }) {
  return (
    <>
      {preview.problem && <p className="warn">{preview.problem}</p>}
      <SettingsTable label={t("import.preview")} head={[t("import.outcome"), ...preview.columns]}>
        {preview.rows.map((row) => (
          <tr key={row.line}>
            <td className={row.problem ? "bad" : "muted"}>
              {row.problem
                ? `${row.problem.field ? `${fieldLabel(row.problem.field)}: ` : ""}${row.problem.message ?? row.problem.reason ?? ""}`
                : tIfAny(`import.outcome.${row.outcome ?? ""}`, "")}
            </td>
            {preview.columns.map((column, n) => (
              <td key={column} className={classes["cell"]}>
                {row.cells?.[n]}
              </td>
            ))}
          </tr>
        ))}
      </SettingsTable>
    </>
  );
}

function MappingTable({
  kind,
  header,
  choice,
  onChange,
}: {
  kind: ImportKind;
  header: string[];
  choice: MappingChoice;
  onChange: (patch: Partial<MappingChoice>) => void;
}) {
  const columns = header.map((value) => ({ value, label: value }));
  const money = TARGETS[kind].some((f) => f.type === "money" && choice.columns[f.name]);
  const dates = TARGETS[kind].some((f) => (f.type === "date" || f.type === "time") && choice.columns[f.name]);
  return (
    <>
      <div className={classes["mapping"]}>
        {TARGETS[kind].map((field) => (
          <Select
            key={field.name}
            label={fieldLabel(field.name)}
            withAsterisk={field.required ?? false}
            placeholder={t("import.notFilled")}
            clearable
            searchable={columns.length > 10}
            data={columns}
            value={choice.columns[field.name] ?? null}
            onChange={(column) => onChange({ columns: { ...choice.columns, [field.name]: column ?? "" } })}
          />
        ))}
      </div>
      <div className={classes["mapping"]}>
        <Select
          label={t("import.duplicates")}
          data={(["skip", "update", "make"] as const).map((value) => ({
            value,
            label: t(`import.duplicates.${value}`),
          }))}
          value={choice.duplicates}
          allowDeselect={false}
          onChange={(value) => onChange({ duplicates: value as MappingChoice["duplicates"] })}
        />
        <Select
          label={t("import.key")}
          clearable
          data={columns}
          value={choice.externalId?.column ?? null}
          onChange={(column) =>
            onChange({ externalId: { source: choice.externalId?.source ?? "import", column: column ?? "" } })
          }
        />
        {choice.externalId?.column && (
          <TextInput
            label={t("import.keySource")}
            value={choice.externalId.source}
            onChange={(e) =>
              onChange({
                externalId: { column: choice.externalId?.column ?? "", source: e.currentTarget.value },
              })
            }
          />
        )}
        {money && (
          <Select
            label={t("deal.currency")}
            searchable
            data={currencyCodes(choice.currency)}
            value={choice.currency}
            allowDeselect={false}
            onChange={(currency) => onChange({ currency: currency ?? choice.currency })}
          />
        )}
        {dates && (
          <TextInput
            label={t("import.dateFormat")}
            placeholder="YYYY-MM-DD"
            value={choice.dateFormat ?? ""}
            onChange={(e) => onChange({ dateFormat: e.currentTarget.value })}
          />
        )}
      </div>
    </>
  );
}

function Running({
  id,
  kind,
  onAgain,
  onUndo,
}: {
  id: string;
  kind: ImportKind;
  onAgain: () => void;
  onUndo: (operationId: string) => void;
}) {
  const client = useQueryClient();
  const query = useQuery(operationOptions(id));
  const operation = query.data;
  const ended = hasEnded(operation);
  const cancel = useMutation({
    mutationFn: () => cancelOperation(id),
    onError: (error) => toast(messageOf(error), { tone: "bad" }),
  });
  const undo = useMutation({
    mutationFn: () => undoOperation(id),
    onSuccess: (started) => onUndo(started.id),
    onError: (error) => toast(messageOf(error), { tone: "bad" }),
  });
  useEffect(() => {
    if (ended) {
      void client.invalidateQueries({ predicate: (q) => q.queryKey[0] !== "operation" });
    }
  }, [ended, client]);
  if (query.error && !operation) {
    return <ErrorNote error={query.error} retry={() => void query.refetch()} />;
  }
  if (!operation) {
    return <SkeletonRows count={3} />;
  }
  const done = Number(operation.done);
  const total = Number(operation.total);
  const share = total > 0 ? done / total : ended ? 1 : 0;
  const result = (operation.result ?? {}) as Record<string, unknown>;
  const changed = !result["dry_run"] && Number(result["created"] ?? 0) + Number(result["updated"] ?? 0) > 0;
  return (
    <div className={classes["running"]}>
      <div className={classes["bar"]} role="status">
        <b>{t(`operation.${operation.state as "STATE_RUNNING"}`)}</b>
        <span className="muted">
          {total > 0
            ? t("import.progress", { done: formatNumber(done), total: formatNumber(total) })
            : formatNumber(done)}
          {share > 0 && share < 1 && ` · ${formatPercent(share, 0)}`}
        </span>
      </div>
      <Progress
        value={share * 100}
        animated={!ended}
        color={operation.state === "STATE_FAILED" ? "red.8" : "petrol"}
        aria-label={t("import.progressLabel")}
      />
      <Results operation={operation} />
      {operation.error && <p className="bad">{operation.error}</p>}
      {Number(operation.rejected) > 0 && <Rejected operation={operation} />}
      <div className={classes["bar"]}>
        {!ended && (
          <Button variant="default" loading={cancel.isPending} onClick={() => cancel.mutate()}>
            {t("common.cancel")}
          </Button>
        )}
        {ended && (
          <>
            <Button component={Link} to={LISTS[kind]}>
              {t("import.open", { what: t(`${kind}.many` as MessageKey) })}
            </Button>
            <Button variant="default" onClick={onAgain}>
              {t("import.again")}
            </Button>
            {changed && UNDOABLE.has(kind) && (
              <Button variant="default" loading={undo.isPending} onClick={() => undo.mutate()}>
                {t("import.undo")}
              </Button>
            )}
          </>
        )}
      </div>
    </div>
  );
}

function Results({ operation }: { operation: Operation }) {
  const result = (operation.result ?? {}) as Record<string, unknown>;
  const entries = Object.entries(result).filter(
    ([, value]) => typeof value === "number" || typeof value === "string",
  );
  if (entries.length === 0) {
    return null;
  }
  return (
    <dl className={classes["results"]}>
      {entries.map(([key, value]) => (
        <div key={key}>
          <dt>{tIfAny(`import.result.${key}`, key)}</dt>
          <dd>{typeof value === "number" ? formatNumber(value) : String(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

function Rejected({ operation }: { operation: Operation }) {
  const [error, setError] = useState<unknown>();
  return (
    <>
      <div className={classes["bar"]}>
        <b className="warn">{t("import.rejected", { count: Number(operation.rejected) })}</b>
        {operation.rejectsFileId && (
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<IconDownload size={13} />}
            onClick={() => void downloadFile(operation.rejectsFileId, "rejected.csv").catch(setError)}
          >
            {t("import.rejectsFile")}
          </Button>
        )}
      </div>
      {error !== undefined && <ErrorNote error={error} />}
      <SettingsTable
        label={t("import.rejectedLabel")}
        head={[t("import.line"), t("import.field"), t("import.why")]}
      >
        {operation.errors.map((rejection, i) => (
          <tr key={i}>
            <td style={{ fontVariantNumeric: "tabular-nums" }}>{formatNumber(String(rejection.line))}</td>
            <td>{rejection.field}</td>
            <td>{rejection.message}</td>
          </tr>
        ))}
      </SettingsTable>
    </>
  );
}
