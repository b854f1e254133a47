import { ActionIcon, Button } from "@mantine/core";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, useState, type DragEvent } from "react";
import {
  deleteFile,
  downloadFile,
  fileCountOptions,
  fileKeys,
  filesOptions,
  restoreFile,
  uploadFile,
  type FileOwner,
  type StoredFile,
} from "../../api/files";
import { t } from "../../i18n";
import { UserName } from "../fields/pickers";
import { formatBytes, formatPercent } from "../format";
import { IconDownload, IconFile, IconTrash, IconUpload, IconX } from "../icons";
import { Empty, ErrorNote, messageOf, SkeletonRows } from "../notes";
import { toast } from "../toasts";
import { When } from "../When";
import type { CardTab } from "./RecordCard";
import classes from "./files.module.css";

/** The tab with the files of a record. Who may change the record may add and delete them. */
export function useFilesTab(record: FileOwner, mayChange: boolean): CardTab {
  const count = useQuery(fileCountOptions(record)).data;
  return {
    id: "files",
    label: t("files.many"),
    count,
    content: <Files key={record.id} record={record} mayChange={mayChange} />,
  };
}

interface Upload {
  id: number;
  file: File;
  share: number;
  stop: AbortController;
  error?: unknown;
}

function Files({ record, mayChange }: { record: FileOwner; mayChange: boolean }) {
  const client = useQueryClient();
  const query = useInfiniteQuery(filesOptions(record));
  const [uploads, setUploads] = useState<Upload[]>([]);
  const [over, setOver] = useState(false);
  const next = useRef(1);
  const input = useRef<HTMLInputElement>(null);
  const refresh = (): void => {
    void client.invalidateQueries({ queryKey: fileKeys.list(record) });
    void client.invalidateQueries({ queryKey: fileKeys.count(record) });
  };

  const drop = (id: number): void => setUploads((all) => all.filter((u) => u.id !== id));
  const patch = (id: number, change: Partial<Upload>): void =>
    setUploads((all) => all.map((u) => (u.id === id ? { ...u, ...change } : u)));
  const send = async (upload: Upload): Promise<void> => {
    try {
      await uploadFile(upload.file, {
        record,
        signal: upload.stop.signal,
        onProgress: (share) => patch(upload.id, { share }),
      });
      drop(upload.id);
      refresh();
    } catch (error) {
      if (upload.stop.signal.aborted) {
        drop(upload.id);
      } else {
        patch(upload.id, { error });
      }
    }
  };
  const add = (files: Iterable<File>): void => {
    const added = [...files].map((file) => ({
      id: next.current++,
      file,
      share: 0,
      stop: new AbortController(),
    }));
    setUploads((all) => [...all, ...added]);
    added.forEach((upload) => void send(upload));
  };

  const remove = (file: StoredFile): void => {
    deleteFile(file)
      .then(() => {
        refresh();
        toast(t("record.deleted", { name: file.name }), {
          undo: () =>
            void restoreFile(file.id)
              .then(refresh)
              .catch((error: unknown) => toast(messageOf(error), { tone: "bad" })),
        });
      })
      .catch((error: unknown) => {
        refresh();
        toast(messageOf(error), { tone: "bad" });
      });
  };

  const dragged = (event: DragEvent): boolean => mayChange && event.dataTransfer.types.includes("Files");
  const files = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    // Files are dropped here as well; the button beside does the same for keyboards.
    <div
      className={classes["files"]}
      data-over={over || undefined}
      data-testid="files"
      onDragOver={(event) => {
        if (dragged(event)) {
          event.preventDefault();
          setOver(true);
        }
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        if (dragged(event)) {
          event.preventDefault();
          setOver(false);
          add(event.dataTransfer.files);
        }
      }}
    >
      {mayChange && (
        <div className={classes["add"]}>
          <Button
            variant="default"
            leftSection={<IconUpload size={14} />}
            onClick={() => input.current?.click()}
          >
            {t("files.add")}
          </Button>
          <span className="muted">{t("files.dropHere")}</span>
          <input
            ref={input}
            type="file"
            multiple
            hidden
            aria-label={t("files.add")}
            onChange={(event) => {
              add(event.currentTarget.files ?? []);
              event.currentTarget.value = "";
            }}
          />
        </div>
      )}
      {query.error && <ErrorNote error={query.error} retry={() => void query.refetch()} />}
      {query.isPending && !query.error && <SkeletonRows count={3} />}
      {query.data && files.length === 0 && uploads.length === 0 && (
        <Empty title={t("files.none")}>{t("files.noneText")}</Empty>
      )}
      <ul className={classes["list"]} aria-label={t("files.many")}>
        {uploads.map((upload) => (
          <UploadLine
            key={upload.id}
            upload={upload}
            stop={() => (upload.error ? drop(upload.id) : upload.stop.abort())}
            retry={() => {
              patch(upload.id, { error: undefined, share: 0 });
              void send(upload);
            }}
          />
        ))}
        {files.map((file) => (
          <li key={file.id}>
            <IconFile size={15} />
            <button type="button" className={classes["name"]} onClick={() => download(file)}>
              {file.name}
            </button>
            <span className={`num ${classes["size"]}`}>{formatBytes(Number(file.size))}</span>
            <span className={classes["by"]}>
              <UserName id={file.uploaderId} />
            </span>
            <span className={classes["when"]}>
              <When at={file.createTime} />
            </span>
            <ActionIcon aria-label={t("files.download", { name: file.name })} onClick={() => download(file)}>
              <IconDownload size={15} />
            </ActionIcon>
            {mayChange && (
              <ActionIcon aria-label={t("files.delete", { name: file.name })} onClick={() => remove(file)}>
                <IconTrash size={15} />
              </ActionIcon>
            )}
          </li>
        ))}
      </ul>
      {query.hasNextPage && (
        <Button
          variant="default"
          size="compact-sm"
          loading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          {t("files.more")}
        </Button>
      )}
    </div>
  );
}

function download(file: StoredFile): void {
  downloadFile(file.id, file.name).catch((error: unknown) => toast(messageOf(error), { tone: "bad" }));
}

function UploadLine({ upload, stop, retry }: { upload: Upload; stop: () => void; retry: () => void }) {
  const name = upload.file.name;
  return (
    <li data-upload>
      <IconUpload size={15} />
      <span className={classes["name"]}>{name}</span>
      {upload.error ? (
        <ErrorNote error={upload.error} retry={retry} />
      ) : (
        <>
          <progress value={upload.share} max={1} aria-label={t("files.sending", { name })} />
          <span className={`num ${classes["size"]}`}>{formatPercent(upload.share, 0)}</span>
        </>
      )}
      <ActionIcon aria-label={t("files.stop", { name })} onClick={stop}>
        <IconX size={15} />
      </ActionIcon>
    </li>
  );
}
