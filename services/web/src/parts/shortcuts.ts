import { useEffect, useRef } from "react";

type Handlers = Record<string, (event: KeyboardEvent) => void>;

const stack: { current: Handlers }[] = [];
let listening = false;

function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName)) &&
    (target as HTMLInputElement).type !== "checkbox"
  );
}

/** Name of a key press: "j", "?", "mod+k", "ArrowDown", "Escape". */
export function keyName(event: KeyboardEvent): string {
  const mod = event.ctrlKey || event.metaKey ? "mod+" : "";
  return mod + (event.key.length === 1 ? event.key.toLowerCase() : event.key);
}

function onKeyDown(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.altKey) {
    return;
  }
  const name = keyName(event);
  if (typing(event.target) && !name.startsWith("mod+")) {
    return;
  }
  const dialogOpen = document.querySelector("[role=dialog][aria-modal=true]") !== null;
  // The latest to ask for a key gets it, so that a drawer goes before the list it covers.
  for (let i = stack.length - 1; i >= 0; i--) {
    const handler = stack[i]?.current[name];
    if (handler) {
      if (dialogOpen && !name.startsWith("mod+")) {
        return;
      }
      event.preventDefault();
      handler(event);
      return;
    }
  }
}

/** Handles keys pressed outside of input fields while the component is shown. */
export function useShortcuts(handlers: Handlers): void {
  const ref = useRef(handlers);
  useEffect(() => {
    ref.current = handlers;
  });
  useEffect(() => {
    stack.push(ref);
    if (!listening) {
      listening = true;
      window.addEventListener("keydown", onKeyDown);
    }
    return () => {
      stack.splice(stack.indexOf(ref), 1);
    };
  }, []);
}
