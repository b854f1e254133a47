import type { ReactNode } from "react";
import type { Range } from "./queries";
import classes from "./search.module.css";

/** A text with the parts that were hit marked. Ranges count characters, not the units of a string. */
export function Highlight({ text, ranges }: { text: string; ranges: Range[] }) {
  const characters = [...text];
  const parts: ReactNode[] = [];
  let at = 0;
  for (const { start, end } of ranges) {
    parts.push(characters.slice(at, start).join(""));
    parts.push(
      <mark key={start} className={classes["mark"]}>
        {characters.slice(start, end).join("")}
      </mark>,
    );
    at = end;
  }
  parts.push(characters.slice(at).join(""));
  return <bdi>{parts}</bdi>;
}
