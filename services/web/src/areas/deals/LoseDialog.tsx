import { Radio, TextInput } from "@mantine/core";
import { useState } from "react";
import type { Pipeline } from "../../api/model";
import { t } from "../../i18n";
import { Dialog } from "../../parts/Dialog";
import type { Move } from "./queries";

interface Props {
  pipeline: Pipeline;
  name: string;
  busy?: boolean;
  error?: unknown;
  onClose: () => void;
  onLose: (reason: NonNullable<Move["lostReason"]>) => void;
}

const OTHER = "other";

/** Asks why a deal was lost; without a reason it is not (DEAL-9). */
export function LoseDialog({ pipeline, name, busy, error, onClose, onLose }: Props) {
  const reasons = pipeline.lostReasons;
  const [choice, setChoice] = useState(reasons.length === 0 ? OTHER : "");
  const [text, setText] = useState("");
  const ready = choice === OTHER ? text.trim() !== "" : choice !== "";
  return (
    <Dialog
      title={t("lose.title", { name })}
      submitLabel={t("lose.go")}
      danger
      onClose={onClose}
      busy={busy ?? false}
      error={error}
      disabled={!ready}
      onSubmit={() => onLose(choice === OTHER ? { text: text.trim() } : { id: choice })}
    >
      <Radio.Group label={t("lose.why")} value={choice} onChange={setChoice}>
        <div style={{ display: "grid", gap: 10, paddingTop: 8 }}>
          {reasons.map((reason) => (
            <Radio key={reason.id} size="xs" value={reason.id} label={reason.name} />
          ))}
          <Radio size="xs" value={OTHER} label={t("lose.other")} />
        </div>
      </Radio.Group>
      {choice === OTHER && (
        <TextInput
          aria-label={t("lose.inWords")}
          placeholder={t("lose.inWords")}
          data-autofocus
          value={text}
          onChange={(e) => setText(e.currentTarget.value)}
        />
      )}
    </Dialog>
  );
}
