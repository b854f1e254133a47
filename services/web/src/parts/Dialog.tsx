import { Button, Modal } from "@mantine/core";
import type { FormEvent, ReactNode } from "react";
import { t } from "../i18n";
import { ErrorNote } from "./notes";

interface Props {
  title: string;
  onClose: () => void;
  onSubmit: () => void;
  submitLabel: string;
  busy?: boolean;
  disabled?: boolean;
  danger?: boolean;
  error?: unknown;
  size?: number;
  children?: ReactNode;
}

/** A form in a dialog: Enter does it, Escape does not. */
export function Dialog({
  title,
  onClose,
  onSubmit,
  submitLabel,
  busy,
  disabled,
  danger,
  error,
  size,
  children,
}: Props) {
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!busy && !disabled) {
      onSubmit();
    }
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={<b>{title}</b>}
      size={size ?? 440}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      <form onSubmit={submit} style={{ display: "grid", gap: 10 }}>
        {children}
        {error !== undefined && error !== null && <ErrorNote error={error} />}
        <div style={{ display: "flex", justifyContent: "flex-end", gap: 8, marginTop: 4 }}>
          <Button variant="default" onClick={onClose}>
            {t("common.cancel")}
          </Button>
          <Button
            type="submit"
            loading={busy ?? false}
            disabled={disabled ?? false}
            {...(danger ? { color: "red.9", "data-danger": true } : {})}
          >
            {submitLabel}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
