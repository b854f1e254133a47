import { Modal } from "@mantine/core";
import { t, type MessageKey } from "../i18n";
import { nav } from "./nav";
import shell from "./shell.module.css";
import classes from "./help.module.css";

const KEYS: [MessageKey, [string, MessageKey][]][] = [
  [
    "help.anywhere",
    [
      ["Ctrl K", "help.palette"],
      ["?", "help.this"],
      ["Esc", "help.close"],
    ],
  ],
  [
    "help.lists",
    [
      ["/", "help.filter"],
      ["N", "help.new"],
      ["J  K", "help.move"],
      ["Enter", "help.open"],
      ["X", "help.tick"],
    ],
  ],
  [
    "help.card",
    [
      ["E", "help.edit"],
      ["[  ]", "help.neighbours"],
      ["Esc", "help.closeCard"],
    ],
  ],
  [
    "help.board",
    [
      ["← ↑ ↓ →", "help.cards"],
      ["Space", "help.take"],
      ["← →", "help.column"],
      ["Space", "help.put"],
      ["Esc", "help.back"],
    ],
  ],
];

/** All keys on one page. */
export function ShortcutHelp({ onClose }: { onClose: () => void }) {
  return (
    <Modal
      opened
      onClose={onClose}
      title={<b>{t("help.title")}</b>}
      size={680}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      <div className={classes["columns"]}>
        {KEYS.map(([title, keys]) => (
          <section key={title}>
            <h3>{t(title)}</h3>
            <dl>
              {keys.map(([key, text]) => (
                <div key={key + text}>
                  <dt>
                    <kbd className={shell["kbd"]}>{key}</kbd>
                  </dt>
                  <dd>{t(text)}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
        <section>
          <h3>{t("help.go")}</h3>
          <dl>
            {nav.map((entry) => (
              <div key={entry.to}>
                <dt>
                  <kbd className={shell["kbd"]}>G</kbd>{" "}
                  <kbd className={shell["kbd"]}>{entry.key.toUpperCase()}</kbd>
                </dt>
                <dd>{t(entry.label)}</dd>
              </div>
            ))}
          </dl>
        </section>
      </div>
    </Modal>
  );
}
