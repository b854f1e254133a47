/** A change told by the server. */
export interface StreamEvent {
  id: string;
  /** Full name of the event, such as "kontor.deals.v1.DealMoved". */
  type: string;
  kind: string;
  recordId: string;
  version: string;
  time: string;
  actor: string;
  /** The record is no longer visible to this user. */
  gone?: boolean;
}

/** How the stream stands: "live" with the instant anything last arrived, else why not. */
export interface StreamState {
  status: "connecting" | "live" | "offline";
  asOf: number;
}

interface Options {
  /** Opens the stream after the given event. */
  open: (lastEventId: string, signal: AbortSignal) => Promise<Response>;
  onEvent: (event: StreamEvent) => void;
  /** Events were missed: everything shown has to be read again. */
  onReset: () => void;
  onState: (state: StreamState) => void;
  now?: () => number;
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

// The server sends a comment every 15 s; silence for longer means the connection is dead.
const SILENCE_MS = 40_000;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;

/** Follows the server's events until signal aborts, resuming where it broke off. */
export async function followStream(options: Options, signal: AbortSignal): Promise<void> {
  const now = options.now ?? Date.now;
  const wait = options.wait ?? sleep;
  let lastEventId = "";
  let delay = FIRST_DELAY_MS;
  let heardAt = 0;
  options.onState({ status: "connecting", asOf: 0 });
  while (!signal.aborted) {
    const silence = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let ended = false;
    const heard = (): void => {
      heardAt = now();
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
    };
    try {
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      const response = await options.open(lastEventId, AbortSignal.any([signal, silence.signal]));
      if (!response.ok || !response.body) {
        throw new Error(`stream answered ${response.status}`);
      }
      delay = FIRST_DELAY_MS;
      options.onState({ status: "live", asOf: now() });
      for await (const message of parseEvents(response.body)) {
        heard();
        if (message.id) {
          lastEventId = message.id;
        }
        if (message.event === "reset") {
          options.onReset();
        } else if (message.event === "change") {
          const event = decode(message);
          if (event) {
            options.onEvent(event);
          }
        }
        options.onState({ status: "live", asOf: now() });
      }
      // The server ends a connection now and then so that the next one brings a fresh token.
      ended = true;
    } catch {
      // Broken off or refused; the loop opens it again after a pause.
    } finally {
      clearTimeout(timer);
    }
    if (signal.aborted) {
      return;
    }
    if (!ended) {
      options.onState({ status: "offline", asOf: heardAt });
    }
    await wait(delay, signal);
    if (!ended) {
      delay = Math.min(delay * 2, LONGEST_DELAY_MS);
    }
  }
}

/** A server-sent message; a heartbeat comment is one without data. */
export interface ServerMessage {
  id: string;
  event: string;
  data: string;
}

/** Splits a text/event-stream body into messages, whatever the borders of its chunks. */
export async function* parseEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerMessage> {
  const reader = body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader();
  let buffer = "";
  let message: ServerMessage = { id: "", event: "", data: "" };
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        return;
      }
      buffer += value;
      for (;;) {
        const end = buffer.indexOf("\n");
        if (end < 0) {
          break;
        }
        const line = buffer.slice(0, end).replace(/\r$/, "");
        buffer = buffer.slice(end + 1);
        if (line === "") {
          yield message;
          message = { id: "", event: "", data: "" };
        } else {
          takeLine(message, line);
        }
      }
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

function takeLine(message: ServerMessage, line: string): void {
  const colon = line.indexOf(":");
  const field = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
  if (field === "data") {
    message.data += message.data ? `\n${value}` : value;
  } else if (field === "id") {
    message.id = value;
  } else if (field === "event") {
    message.event = value;
  }
}

function decode(message: ServerMessage): StreamEvent | undefined {
  try {
    return { ...(JSON.parse(message.data) as StreamEvent), id: message.id };
  } catch {
    return undefined;
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
