// How long a finger rests on a card before it takes it up; moving earlier scrolls.
const HOLD_MS = 280;
// A finger is never quite still.
const SLACK_PX = 10;
// So near to its edge the board scrolls by itself.
const EDGE_PX = 48;
const STEP_PX = 12;

interface TouchDrag {
  /** The card. */
  element: HTMLElement;
  /** What scrolls sideways. */
  board: () => HTMLElement | null;
  onStart: () => void;
  /** The column under the finger; undefined if there is none. */
  onOver: (column: string | undefined) => void;
  /** The finger was lifted over a column, or over none; undefined also if the drag was broken off. */
  onEnd: (column: string | undefined) => void;
}

/**
 * Lets a card be dragged by a finger that rests on it first. Browsers' own dragging is for the mouse; on phones it is
 * missing or needs a second finger to scroll. Returns what takes it away again.
 */
export function touchDrag({ element, board, onStart, onOver, onEnd }: TouchDrag): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let frame = 0;
  let start = { x: 0, y: 0 };
  let at = start;
  let ghost: HTMLElement | undefined;
  let over: string | undefined;

  const look = (): void => {
    const column = document
      .elementsFromPoint(at.x, at.y)
      .map((e) => e.closest<HTMLElement>("[data-column]")?.dataset["column"])
      .find((key) => key !== undefined);
    if (column !== over) {
      over = column;
      onOver(column);
    }
  };
  const place = (): void => {
    if (ghost) {
      ghost.style.transform = `translate(${at.x - start.x}px, ${at.y - start.y}px) rotate(1.5deg)`;
    }
  };
  const scroll = (): void => {
    const box = board();
    if (box) {
      const { left, right } = box.getBoundingClientRect();
      const by = at.x > right - EDGE_PX ? STEP_PX : at.x < left + EDGE_PX ? -STEP_PX : 0;
      if (by !== 0) {
        box.scrollLeft += by;
        look();
      }
    }
    frame = requestAnimationFrame(scroll);
  };
  const take = (): void => {
    timer = undefined;
    const rect = element.getBoundingClientRect();
    ghost = element.cloneNode(true) as HTMLElement;
    ghost.removeAttribute("data-card");
    ghost.setAttribute("aria-hidden", "true");
    ghost.dataset["ghost"] = "true";
    Object.assign(ghost.style, {
      position: "fixed",
      inset: `${rect.top}px auto auto ${rect.left}px`,
      width: `${rect.width}px`,
      zIndex: "100",
      pointerEvents: "none",
    });
    document.body.append(ghost);
    const box = board();
    if (box) {
      box.dataset["touching"] = "true"; // no snapping under a moving finger
    }
    navigator.vibrate?.(10);
    onStart();
    place();
    look();
    frame = requestAnimationFrame(scroll);
  };
  const finish = (column: string | undefined): void => {
    clearTimeout(timer);
    timer = undefined;
    if (!ghost) {
      return;
    }
    cancelAnimationFrame(frame);
    ghost.remove();
    ghost = undefined;
    over = undefined;
    const box = board();
    if (box) {
      delete box.dataset["touching"];
    }
    onEnd(column);
  };

  const onTouchStart = (event: TouchEvent): void => {
    const touch = event.touches[0];
    if (event.touches.length !== 1 || !touch) {
      finish(undefined);
      return;
    }
    start = { x: touch.clientX, y: touch.clientY };
    at = start;
    clearTimeout(timer);
    timer = setTimeout(take, HOLD_MS);
  };
  const onTouchMove = (event: TouchEvent): void => {
    const touch = event.touches[0];
    if (!touch) {
      return;
    }
    at = { x: touch.clientX, y: touch.clientY };
    if (ghost) {
      event.preventDefault(); // the page stays where it is
      place();
      look();
    } else if (Math.hypot(at.x - start.x, at.y - start.y) > SLACK_PX) {
      clearTimeout(timer);
      timer = undefined;
    }
  };
  const onTouchEnd = (event: TouchEvent): void => {
    if (ghost) {
      event.preventDefault(); // no click on the link beneath
    }
    finish(over);
  };
  const onTouchCancel = (): void => finish(undefined);
  // A long press would open the browser's menu for the link.
  const onContextMenu = (event: Event): void => {
    if (timer !== undefined || ghost) {
      event.preventDefault();
    }
  };

  element.addEventListener("touchstart", onTouchStart, { passive: true });
  element.addEventListener("touchmove", onTouchMove, { passive: false });
  element.addEventListener("touchend", onTouchEnd);
  element.addEventListener("touchcancel", onTouchCancel);
  element.addEventListener("contextmenu", onContextMenu);
  return () => {
    finish(undefined);
    element.removeEventListener("touchstart", onTouchStart);
    element.removeEventListener("touchmove", onTouchMove);
    element.removeEventListener("touchend", onTouchEnd);
    element.removeEventListener("touchcancel", onTouchCancel);
    element.removeEventListener("contextmenu", onContextMenu);
  };
}
