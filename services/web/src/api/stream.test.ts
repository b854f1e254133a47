import { describe, expect, test } from "vitest";
import { followStream, parseEvents, type StreamEvent } from "./stream";

function body(...chunks: string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      chunks.forEach((chunk) => controller.enqueue(encoder.encode(chunk)));
      controller.close();
    },
  });
}

const change = (id: string): string =>
  `event: change\nid: ${id}\ndata: {"type":"kontor.deals.v1.DealMoved","kind":"deal","recordId":"d1","version":"2"}\n\n`;

// WEB-3: server-sent events, resumable by last event ID.
describe("stream", () => {
  test("messages are put together whatever the borders of the chunks", async () => {
    const seen = [];
    for await (const message of parseEvents(
      body("event: cha", "nge\nid: 1-0\nda", 'ta: {"a":1}\n', "\n: still here\n\nid: 1-1\r\ndata: x\r\n\r\n"),
    )) {
      seen.push(message);
    }
    expect(seen).toEqual([
      { id: "1-0", event: "change", data: '{"a":1}' },
      { id: "", event: "", data: "" },
      { id: "1-1", event: "", data: "x" },
    ]);
  });

  test("it resumes after the last event it has seen", async () => {
    const stop = new AbortController();
    const asked: string[] = [];
    const events: StreamEvent[] = [];
    await followStream(
      {
        open: (lastEventId) => {
          asked.push(lastEventId);
          if (asked.length === 3) {
            stop.abort();
          }
          return Promise.resolve(
            new Response(asked.length === 1 ? body(change("5-0"), change("5-1")) : body()),
          );
        },
        onEvent: (event) => events.push(event),
        onReset: () => undefined,
        onState: () => undefined,
        wait: () => Promise.resolve(),
      },
      stop.signal,
    );
    expect(asked).toEqual(["", "5-1", "5-1"]);
    expect(events.map((event) => event.id)).toEqual(["5-0", "5-1"]);
  });

  test("a gap asks for everything to be read again", async () => {
    const stop = new AbortController();
    let resets = 0;
    await followStream(
      {
        open: () => Promise.resolve(new Response(body("event: reset\nid: 9-0\ndata: {}\n\n"))),
        onEvent: () => undefined,
        onReset: () => {
          resets++;
          stop.abort();
        },
        onState: () => undefined,
        wait: () => Promise.resolve(),
      },
      stop.signal,
    );
    expect(resets).toBe(1);
  });

  test("a refusal is told of and waits ever longer", async () => {
    const stop = new AbortController();
    const waits: number[] = [];
    const states: string[] = [];
    await followStream(
      {
        open: () => Promise.resolve(new Response(null, { status: 503 })),
        onEvent: () => undefined,
        onReset: () => undefined,
        onState: (state) => states.push(state.status),
        wait: (ms) => {
          waits.push(ms);
          if (waits.length === 3) {
            stop.abort();
          }
          return Promise.resolve();
        },
      },
      stop.signal,
    );
    expect(waits).toEqual([500, 1000, 2000]);
    expect(states).toContain("offline");
  });
});
