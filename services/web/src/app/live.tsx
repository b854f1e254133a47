import { useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useState, useSyncExternalStore, type ReactNode } from "react";
import { Live } from "../api/live";
import type { StreamEvent } from "../api/stream";
import { companies, contacts, leads } from "../areas/contacts/queries";
import { deals } from "../areas/deals/queries";
import { t } from "../i18n";
import { formatClock } from "../parts/format";
import { LiveContext } from "../parts/liveContext";
import classes from "./shell.module.css";

const InnerContext = createContext<Live | undefined>(undefined);

/** Follows the server's changes while the shell is shown. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [live] = useState(() => {
    const made = new Live(client);
    [leads, companies, contacts, deals].forEach((resource) => made.register(resource as never));
    return made;
  });
  useEffect(() => {
    const stop = new AbortController();
    void live.run(stop.signal);
    return () => stop.abort();
  }, [live]);
  const [subscribe] = useState(() => (fn: (events: StreamEvent[]) => void) => live.onEvents(fn));
  return (
    <InnerContext value={live}>
      <LiveContext value={subscribe}>{children}</LiveContext>
    </InnerContext>
  );
}

/** Whether what is shown is live, and as of when. */
export function LiveDot() {
  const live = useContext(InnerContext);
  const state = useSyncExternalStore(live?.onState ?? (() => () => undefined), () => live?.state);
  const label = t(`live.${state?.status ?? "connecting"}`);
  return (
    <span className={classes["live"]} data-status={state?.status} role="status" title={t("live.title")}>
      <i aria-hidden />
      <span>
        {label}
        {state && state.asOf > 0 && <span className={classes["asOf"]}> {formatClock(state.asOf)}</span>}
      </span>
    </span>
  );
}
