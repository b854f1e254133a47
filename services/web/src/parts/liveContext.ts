import { createContext, useContext, useEffect, useRef } from "react";
import type { StreamEvent } from "../api/stream";

type Subscribe = (fn: (events: StreamEvent[]) => void) => () => void;

/** Where screens hear of changes; the shell fills it. */
export const LiveContext = createContext<Subscribe>(() => () => undefined);

/** Calls fn with changes told by the server while the component is shown. */
export function useLiveEvents(fn: (events: StreamEvent[]) => void): void {
  const subscribe = useContext(LiveContext);
  const latest = useRef(fn);
  useEffect(() => {
    latest.current = fn;
  });
  useEffect(() => subscribe((events) => latest.current(events)), [subscribe]);
}
