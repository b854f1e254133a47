import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { faultOf } from "../../api/errors";
import { t } from "../../i18n";
import { messageOf } from "../notes";
import { IconPencil } from "../icons";
import classes from "./fields.module.css";

/** What an editor is given: the draft, ways to change and finish it. */
export interface EditorProps<V> {
  id: string;
  label: string;
  draft: V;
  setDraft: (value: V) => void;
  /** Saves the given value, or the draft. */
  save: (value?: V) => void;
  cancel: () => void;
  invalid: boolean;
  describedBy: string | undefined;
}

interface Props<V> {
  label: string;
  /** Name of the field in the contract, to find its fault in a refusal. */
  name: string;
  value: V;
  show: ReactNode;
  editor: (props: EditorProps<V>) => ReactNode;
  onSave: (value: V) => Promise<unknown>;
  readOnly?: boolean;
  /** Label above the value rather than beside it. */
  stacked?: boolean;
  same?: (a: V, b: V) => boolean;
}

/**
 * A field that is edited where it stands: a click, Enter or `e` opens it, Enter or leaving it saves, Escape gives up.
 * A refused value stays open with the reason beneath, so that nothing typed is lost.
 */
export function EditField<V>({
  label,
  name,
  value,
  show,
  editor,
  onSave,
  readOnly,
  stacked,
  same,
}: Props<V>) {
  const id = useId();
  const [editing, setEditing] = useState(false);
  const [draft, setDraft] = useState(value);
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  // An editor that is taken away loses the focus, which must not save what was given up.
  const closing = useRef(false);

  useEffect(() => {
    if (editing) {
      box.current?.querySelector<HTMLElement>("input, textarea, select, button")?.focus();
    }
  }, [editing]);

  const open = (): void => {
    closing.current = false;
    setDraft(value);
    setError(undefined);
    setEditing(true);
  };
  const close = (): void => {
    closing.current = true;
    setEditing(false);
    setError(undefined);
    requestAnimationFrame(() => button.current?.focus({ preventScroll: true }));
  };
  const save = async (given?: V): Promise<void> => {
    const next = given === undefined ? draft : given;
    if (busy || closing.current) {
      return;
    }
    if (same ? same(next, value) : JSON.stringify(next ?? "") === JSON.stringify(value ?? "")) {
      close();
      return;
    }
    setDraft(next);
    setBusy(true);
    try {
      await onSave(next);
      close();
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    }
  };

  const fault = error === undefined ? undefined : (faultOf(error, name) ?? messageOf(error));
  return (
    <div className={classes["field"]} data-stacked={stacked || undefined} data-editing={editing || undefined}>
      <span className={classes["label"]} id={`${id}-label`}>
        {label}
      </span>
      {editing ? (
        // The wrapper only listens for Escape and for focus leaving the editor inside it.
        // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
        <div
          className={classes["editor"]}
          ref={box}
          onKeyDown={onKeyDown}
          onBlur={(event) => {
            const to = event.relatedTarget as HTMLElement | null;
            if (!box.current?.contains(to) && !to?.closest("[data-floating]")) {
              void save();
            }
          }}
        >
          {/* The functions handed over read refs, but only when they are called. */}
          {/* oxlint-disable-next-line react/refs */}
          {editor({
            id: `${id}-input`,
            label,
            draft,
            setDraft,
            save: (next) => void save(next),
            cancel: close,
            invalid: fault !== undefined,
            describedBy: fault ? `${id}-fault` : undefined,
          })}
          {fault && (
            <span className={classes["fault"]} id={`${id}-fault`} role="alert">
              {fault}
            </span>
          )}
        </div>
      ) : readOnly ? (
        <div className={classes["value"]} aria-labelledby={`${id}-label`} role="group">
          {show || <span className="muted">–</span>}
        </div>
      ) : (
        <div className={classes["value"]}>
          <span className={classes["shown"]}>{show}</span>
          <button
            ref={button}
            type="button"
            className={classes["open"]}
            data-empty={show ? undefined : true}
            data-edit-field
            aria-label={show ? t("field.edit", { label }) : t("field.addLabel", { label })}
            onClick={open}
          >
            {show ? <IconPencil size={13} /> : <span>{t("field.add")}</span>}
          </button>
        </div>
      )}
    </div>
  );
}
