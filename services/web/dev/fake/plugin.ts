import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin } from "vite";
import { FakeServer } from "./server";

/** Answers the API from made-up data while developing without a suite. Never part of a build. */
export function fakeApi(): Plugin {
  const fake = new FakeServer();
  return {
    name: "fake-api",
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        if (!request.url?.startsWith("/v1/")) {
          next();
          return;
        }
        void answer(fake, request, response);
      });
    },
  };
}

async function answer(fake: FakeServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://fake");
  if (url.pathname === "/v1/events:watch") {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write("event: hello\nid: 1-0\ndata: {}\n\n");
    const stop = fake.watch((event) =>
      response.write(`event: change\nid: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`),
    );
    const beat = setInterval(() => response.write(": still here\n\n"), 5000);
    request.on("close", () => {
      stop();
      clearInterval(beat);
    });
    return;
  }
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
  }
  const text = Buffer.concat(chunks).toString();
  const body =
    request.headers["content-type"]?.startsWith("application/json") && text
      ? (JSON.parse(text) as object)
      : {};
  const { status, json } = fake.handle(request.method ?? "GET", url, body as Record<string, unknown>);
  response.writeHead(status, {
    "Content-Type": status < 400 ? "application/json" : "application/problem+json",
  });
  response.end(JSON.stringify(json));
}
