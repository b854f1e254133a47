import { TextInput } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { faultOf } from "../../api/errors";
import type { Contact } from "../../api/model";
import { useCreate } from "../../api/resource";
import { t } from "../../i18n";
import { Dialog } from "../../parts/Dialog";
import { useDraft } from "../../parts/draft";
import { useRequiredCustomFields } from "../../parts/fields/CustomFields";
import { RecordPicker } from "../../parts/fields/pickers";
import { DuplicateWarning } from "./Duplicates";
import { companies, contacts } from "./queries";

/** Makes a person, with the company they represent. */
export function NewContact({
  company,
  onClose,
  stay,
}: {
  company?: { id: string; name: string };
  onClose: () => void;
  stay?: boolean;
}) {
  const navigate = useNavigate();
  const create = useCreate(contacts);
  const [draft, change, clear] = useDraft("contact", {
    firstName: "",
    lastName: "",
    position: "",
    phone: "",
    email: "",
  });
  const [at, setAt] = useState(company);
  const custom = useRequiredCustomFields("contact", { type: "client" });
  const submit = (): void =>
    create.mutate(
      {
        ...custom.body,
        firstName: draft.firstName.trim(),
        lastName: draft.lastName.trim(),
        position: draft.position.trim(),
        type: "client",
        ...(draft.phone ? { phones: [{ number: draft.phone, kind: "work", primary: true, e164: "" }] } : {}),
        ...(draft.email
          ? { emails: [{ address: draft.email, kind: "work", primary: true, normalized: "" }] }
          : {}),
        ...(at
          ? {
              employments: [
                { companyId: at.id, role: "", primary: true },
              ] as unknown as Contact["employments"],
            }
          : {}),
      },
      {
        onSuccess: (contact) => {
          clear();
          onClose();
          if (!stay) {
            void navigate({
              to: "/contacts/$id",
              params: { id: contact.id },
              search: ((s: object) => s) as never,
            });
          }
        },
      },
    );
  return (
    <Dialog
      title={t("contact.new")}
      submitLabel={t("common.create")}
      onClose={onClose}
      onSubmit={submit}
      busy={create.isPending}
      disabled={(!draft.firstName.trim() && !draft.lastName.trim()) || !custom.complete}
      error={create.error}
    >
      <div style={{ display: "grid", gridTemplateColumns: "1fr 1fr", gap: 10 }}>
        <TextInput
          label={t("contact.firstName")}
          value={draft.firstName}
          data-autofocus
          onChange={(e) => change({ firstName: e.currentTarget.value })}
          error={faultOf(create.error, "first_name")}
        />
        <TextInput
          label={t("contact.lastName")}
          value={draft.lastName}
          onChange={(e) => change({ lastName: e.currentTarget.value })}
          error={faultOf(create.error, "last_name")}
        />
      </div>
      <RecordPicker
        resource={companies}
        label={t("company.one")}
        nameOf={(c) => c.name}
        searchIn={["name"]}
        orderBy="name"
        value={at}
        onPick={setAt}
      />
      <TextInput
        label={t("contact.position")}
        value={draft.position}
        onChange={(e) => change({ position: e.currentTarget.value })}
      />
      <TextInput
        label={t("field.phone")}
        type="tel"
        value={draft.phone}
        onChange={(e) => change({ phone: e.currentTarget.value })}
        error={faultOf(create.error, "number")}
      />
      <TextInput
        label={t("field.email")}
        type="email"
        value={draft.email}
        onChange={(e) => change({ email: e.currentTarget.value })}
        error={faultOf(create.error, "address")}
      />
      {custom.inputs}
      <DuplicateWarning
        kind="contact"
        draft={{
          firstName: draft.firstName,
          lastName: draft.lastName,
          phones: draft.phone ? [{ number: draft.phone }] : [],
          emails: draft.email ? [{ address: draft.email }] : [],
        }}
      />
    </Dialog>
  );
}
