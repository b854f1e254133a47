import { ActionIcon, Button, Select, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import type { EmailAddress, Link as LinkValue, PhoneNumber } from "../../api/model";
import { t, tIfAny } from "../../i18n";
import { IconPlus, IconX } from "../icons";
import { EditField, type EditorProps } from "./EditField";
import classes from "./fields.module.css";

interface Point {
  text: string;
  kind: string;
  primary: boolean;
}

interface PointsProps {
  label: string;
  name: string;
  value: Point[];
  kinds: string[];
  inputType: "tel" | "email" | "url" | "text";
  show: ReactNode;
  onSave: (points: Point[]) => Promise<unknown>;
  readOnly?: boolean;
}

function kindLabel(kind: string): string {
  return tIfAny(`pointKind.${kind}`, kind);
}

// A list of contact points, edited as a whole because the contract replaces lists as a whole.
function PointsField({ kinds, inputType, ...props }: PointsProps) {
  return (
    <EditField
      {...props}
      onSave={(points) => props.onSave(points.filter((point) => point.text.trim()))}
      editor={(p) => <PointsEditor {...p} kinds={kinds} inputType={inputType} />}
    />
  );
}

function PointsEditor({
  draft,
  setDraft,
  save,
  cancel,
  label,
  kinds,
  inputType,
  invalid,
  describedBy,
}: EditorProps<Point[]> & { kinds: string[]; inputType: string }) {
  const points = draft.length > 0 ? draft : [{ text: "", kind: kinds[0] ?? "", primary: true }];
  const change = (index: number, patch: Partial<Point>): void =>
    setDraft(points.map((point, i) => (i === index ? { ...point, ...patch } : point)));
  const options = (kind: string) =>
    [...new Set([...kinds, kind].filter(Boolean))].map((value) => ({ value, label: kindLabel(value) }));
  return (
    <>
      {points.map((point, i) => (
        <div key={i} className={classes["row"]}>
          <TextInput
            type={inputType}
            aria-label={`${label} ${i + 1}`}
            error={invalid}
            aria-describedby={describedBy}
            value={point.text}
            onChange={(e) => change(i, { text: e.currentTarget.value })}
            onKeyDown={(e) => {
              if (e.key === "Enter") {
                e.preventDefault();
                save(points);
              }
            }}
          />
          <Select
            aria-label={t("point.kind")}
            w={92}
            data={options(point.kind)}
            value={point.kind || null}
            allowDeselect={false}
            comboboxProps={{ withinPortal: false, width: 120 }}
            onChange={(kind) => change(i, { kind: kind ?? "" })}
          />
          <ActionIcon
            aria-label={t("point.remove")}
            onClick={() => setDraft(points.filter((_, n) => n !== i))}
          >
            <IconX size={14} />
          </ActionIcon>
        </div>
      ))}
      <div className={classes["row"]}>
        <span>
          <Button
            size="compact-xs"
            variant="subtle"
            leftSection={<IconPlus size={12} />}
            onClick={() => setDraft([...points, { text: "", kind: kinds[0] ?? "", primary: false }])}
          >
            {t("point.add")}
          </Button>
        </span>
        <Button size="compact-xs" variant="default" onClick={cancel}>
          {t("common.cancel")}
        </Button>
        <Button size="compact-xs" onClick={() => save(points)}>
          {t("common.save")}
        </Button>
      </div>
    </>
  );
}

function Points({ points, href }: { points: Point[]; href?: (text: string) => string }) {
  return (
    <span className={classes["points"]}>
      {points.map((point, i) => (
        <span key={i}>
          {href ? <a href={href(point.text)}>{point.text}</a> : point.text}{" "}
          {point.kind && <small>{kindLabel(point.kind)}</small>}
        </span>
      ))}
    </span>
  );
}

interface ListProps<V> {
  value: V[];
  onSave: (value: V[]) => Promise<unknown>;
  readOnly?: boolean;
}

/** Telephone numbers: a click calls. */
export function PhonesField({ value, onSave, readOnly }: ListProps<PhoneNumber>) {
  const points = value.map((phone) => ({ text: phone.number, kind: phone.kind, primary: phone.primary }));
  return (
    <PointsField
      label={t("field.phones")}
      name="phones"
      value={points}
      kinds={["work", "mobile", "home", "fax"]}
      inputType="tel"
      readOnly={readOnly ?? false}
      show={
        points.length > 0 && (
          <Points
            points={points}
            href={(text) => `tel:${value.find((v) => v.number === text)?.e164 || text}`}
          />
        )
      }
      onSave={(next) =>
        onSave(next.map((p, i) => ({ number: p.text.trim(), kind: p.kind, primary: i === 0, e164: "" })))
      }
    />
  );
}

/** E-mail addresses: a click writes. */
export function EmailsField({ value, onSave, readOnly }: ListProps<EmailAddress>) {
  const points = value.map((email) => ({ text: email.address, kind: email.kind, primary: email.primary }));
  return (
    <PointsField
      label={t("field.emails")}
      name="emails"
      value={points}
      kinds={["work", "home"]}
      inputType="email"
      readOnly={readOnly ?? false}
      show={points.length > 0 && <Points points={points} href={(text) => `mailto:${text}`} />}
      onSave={(next) =>
        onSave(
          next.map((p, i) => ({ address: p.text.trim(), kind: p.kind, primary: i === 0, normalized: "" })),
        )
      }
    />
  );
}

/** Web sites and messengers. */
export function LinksField({ value, onSave, readOnly }: ListProps<LinkValue>) {
  const points = value.map((link) => ({ text: link.value, kind: link.kind, primary: false }));
  return (
    <PointsField
      label={t("field.links")}
      name="links"
      value={points}
      kinds={["site", "telegram", "whatsapp", "linkedin"]}
      inputType="text"
      readOnly={readOnly ?? false}
      show={
        points.length > 0 && (
          <Points points={points} {...(points.every((p) => p.kind === "site") ? { href: siteHref } : {})} />
        )
      }
      onSave={(next) => onSave(next.map((p) => ({ kind: p.kind, value: p.text.trim() })))}
    />
  );
}

// Only web addresses become links; anything else a person typed stays text.
function siteHref(text: string): string {
  return /^https?:\/\//i.test(text) ? text : `https://${text}`;
}
