import type { QueryClient } from "@tanstack/react-query";
import { session } from "./session";
import { dropRecord, keys, putRecord, type Record_, type Resource } from "./resource";
import { followStream, type StreamEvent, type StreamState } from "./stream";

// Changes that come within this time are worked off together.
const GATHER_MS = 120;
// More changed records than this at once are not read one by one, as during an import.
const MANY = 12;
// Lists and reports are read again at most this often.
const REREAD_MS = 1000;

// By then the reports have counted a change.
const FACTS_MS = 1200;

type Reader = Pick<Resource<Record_>, "kind" | "get">;

/** Brings changes told by the server into what is on the screen. */
export class Live {
  #state: StreamState = { status: "connecting", asOf: 0 };
  readonly #client: QueryClient;
  readonly #readers = new Map<string, Reader>();
  readonly #stateListeners = new Set<() => void>();
  readonly #eventListeners = new Set<(events: StreamEvent[]) => void>();
  readonly #pending = new Map<string, StreamEvent>();
  readonly #rereads = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #last = new Map<string, number>();

  constructor(client: QueryClient) {
    this.#client = client;
  }

  /** Lets records of a kind be read one by one when they change. */
  register(reader: Reader): void {
    this.#readers.set(reader.kind, reader);
  }

  get state(): StreamState {
    return this.#state;
  }

  /** Calls fn when the state of the connection changes. */
  onState = (fn: () => void): (() => void) => {
    this.#stateListeners.add(fn);
    return () => this.#stateListeners.delete(fn);
  };

  /** Calls fn with changes as they come, gathered over a moment. */
  onEvents(fn: (events: StreamEvent[]) => void): () => void {
    this.#eventListeners.add(fn);
    return () => this.#eventListeners.delete(fn);
  }

  /** Follows the stream until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await followStream(
      {
        open: async (lastEventId, stop) => {
          const token = await session.token();
          return fetch("/v1/events:watch", {
            headers: {
              Accept: "text/event-stream",
              Authorization: `Bearer ${token}`,
              ...(lastEventId ? { "Last-Event-ID": lastEventId } : {}),
            },
            signal: stop,
            cache: "no-store",
          });
        },
        onEvent: (event) => this.take(event),
        onReset: () => void this.#client.invalidateQueries(),
        onState: (state) => this.#setState(state),
      },
      signal,
    );
  }

  /** Takes one change; public for tests. */
  take(event: StreamEvent): void {
    this.#pending.set(`${event.kind}/${event.recordId}`, event);
    if (this.#pending.size > 1) {
      return;
    }
    setTimeout(() => {
      const events = [...this.#pending.values()];
      this.#pending.clear();
      void this.#apply(events);
    }, GATHER_MS);
  }

  async #apply(events: StreamEvent[]): Promise<void> {
    const kinds = new Set(events.map((event) => event.kind));
    if (kinds.has("deal") || kinds.has("pipeline")) {
      // Reports follow the events by a moment of their own: once at once, once when they surely have them.
      this.#reread(["report"]);
      setTimeout(() => this.#reread(["report"]), FACTS_MS);
    }
    for (const kind of kinds) {
      this.#reread(keys.counts(kind));
      if (["user", "department", "role", "settings", "pipeline", "leadStatus"].includes(kind)) {
        this.#reread([kind]);
      }
    }
    if (events.length > MANY) {
      for (const kind of kinds) {
        this.#reread([kind]);
      }
    } else {
      await Promise.all(events.map((event) => this.#applyOne(event)));
    }
    this.#eventListeners.forEach((fn) => fn(events));
  }

  async #applyOne(event: StreamEvent): Promise<void> {
    const { kind, recordId } = event;
    if (event.gone || event.type.endsWith("Deleted")) {
      dropRecord(this.#client, kind, recordId);
      void this.#client.invalidateQueries({ queryKey: keys.one(kind, recordId) });
      return;
    }
    const known = this.#client.getQueryData<Record_>(keys.one(kind, recordId));
    if (known && known.etag === `v${event.version}`) {
      return;
    }
    void this.#client.invalidateQueries({ queryKey: keys.history(kind, recordId) });
    const reader = this.#readers.get(kind);
    const listed =
      this.#client.getQueryCache().findAll({ queryKey: keys.lists(kind), type: "active" }).length > 0;
    if (!reader || (!known && !listed)) {
      return;
    }
    try {
      const record = await reader.get(recordId);
      if (!putRecord(this.#client, kind, record)) {
        this.#reread(keys.lists(kind));
      }
    } catch {
      // Gone or out of reach meanwhile; the list is read again instead.
      this.#reread(keys.lists(kind));
    }
  }

  // Reads active answers again, at most once in a while, however many changes come.
  #reread(queryKey: readonly unknown[]): void {
    const key = JSON.stringify(queryKey);
    if (this.#rereads.has(key)) {
      return;
    }
    const due = (this.#last.get(key) ?? 0) + REREAD_MS - Date.now();
    this.#rereads.set(
      key,
      setTimeout(
        () => {
          this.#rereads.delete(key);
          this.#last.set(key, Date.now());
          void this.#client.invalidateQueries({ queryKey });
        },
        Math.max(due, 0),
      ),
    );
  }

  #setState(state: StreamState): void {
    this.#state = state;
    this.#stateListeners.forEach((fn) => fn());
  }
}
