import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, authorizedFetch, call } from "./client";
import { ApiError, toApiError } from "./errors";
import type { Sent } from "./model";
import type { components } from "./schema";
import { session } from "./session";

/** A file with its properties. */
export type StoredFile = Sent<components["schemas"]["kontor.files.v1.File"]>;

/** The record that files hang on. */
export interface FileOwner {
  kind: "lead" | "contact" | "company" | "deal";
  id: string;
}

interface UploadOptions {
  /** The record to hang it on; none if absent. */
  record?: FileOwner;
  /** Told how much is sent, from 0 to 1. */
  onProgress?: (share: number) => void;
  /** Breaks the upload off; nothing of it is kept. */
  signal?: AbortSignal;
}

/** Uploads a file. A request of its own kind, because fetch does not tell how much has been sent. */
export async function uploadFile(file: File, options: UploadOptions = {}): Promise<StoredFile> {
  const form = new FormData();
  if (options.record) {
    form.append("record.kind", options.record.kind);
    form.append("record.id", options.record.id);
  }
  form.append("file", file, file.name);
  const token = await session.token();
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    request.open("POST", "/v1/files");
    request.responseType = "json";
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.setRequestHeader("Idempotency-Key", crypto.randomUUID());
    request.upload.addEventListener("progress", (event) =>
      options.onProgress?.(event.lengthComputable ? event.loaded / event.total : 0),
    );
    request.addEventListener("load", () => {
      const body = (request.response ?? {}) as { file?: StoredFile };
      if (request.status === 200 && body.file) {
        resolve(body.file);
      } else {
        reject(toApiError(new Response(null, { status: request.status }), body));
      }
    });
    request.addEventListener("error", () => reject(new ApiError(0, { title: "offline" })));
    request.addEventListener("abort", () => reject(new DOMException("broken off", "AbortError")));
    options.signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

/** Downloads a file under its name. */
export async function downloadFile(id: string, name: string): Promise<void> {
  const response = await authorizedFetch(
    new Request(new URL(`/v1/files/${encodeURIComponent(id)}:download`, location.origin)),
  );
  if (!response.ok) {
    throw toApiError(response, await response.json().catch(() => ({})));
  }
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

const ownerQuery = (record: FileOwner) => ({ "record.kind": record.kind, "record.id": record.id });

/** The keys under which the files of records are kept. */
export const fileKeys = {
  list: (record: FileOwner) => ["file", "list", record.kind, record.id] as const,
  count: (record: FileOwner) => ["file", "count", record.kind, record.id] as const,
};

/** The files of a record, newest first. */
export const filesOptions = (record: FileOwner) =>
  infiniteQueryOptions({
    queryKey: fileKeys.list(record),
    queryFn: async ({ pageParam, signal }) => {
      const query = { ...ownerQuery(record), pageSize: 50, ...(pageParam ? { pageToken: pageParam } : {}) };
      const page = await call(api.GET("/v1/files", { params: { query }, signal }));
      return { items: (page.files ?? []) as StoredFile[], next: page.nextPageToken ?? "" };
    },
    initialPageParam: "",
    getNextPageParam: (page) => page.next || undefined,
  });

/** How many files a record has. */
export const fileCountOptions = (record: FileOwner) =>
  queryOptions({
    queryKey: fileKeys.count(record),
    queryFn: async ({ signal }) =>
      (await call(api.GET("/v1/files:count", { params: { query: ownerQuery(record) }, signal }))).count ?? 0,
  });

/** Puts a file into the bin. */
export function deleteFile(file: StoredFile): Promise<unknown> {
  return call(
    api.DELETE("/v1/files/{id}", { params: { path: { id: file.id }, query: { etag: file.etag } } }),
  );
}

/** Takes a file out of the bin. */
export function restoreFile(id: string): Promise<unknown> {
  return call(api.POST("/v1/files/{id}:undelete", { params: { path: { id } }, body: {} }));
}
