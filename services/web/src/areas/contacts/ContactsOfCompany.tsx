import { ActionIcon, Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useCan } from "../../api/directory";
import type { Company, Contact } from "../../api/model";
import { keys, useUpdate } from "../../api/resource";
import { t } from "../../i18n";
import { RecordPicker } from "../../parts/fields/pickers";
import { anyOf } from "../../parts/filters";
import { IconPlus, IconX } from "../../parts/icons";
import { Empty, ErrorNote, SkeletonRows } from "../../parts/notes";
import { toast } from "../../parts/toasts";
import { NewContact } from "./NewContact";
import { contacts } from "./queries";
import classes from "./contacts.module.css";

/** The people of a company with what they are there; a person can be added or let go. */
export function ContactsOfCompany({ company }: { company: Company }) {
  const client = useQueryClient();
  const query = useQuery(
    contacts.fewOptions({ filter: anyOf("company_id", [company.id]), orderBy: "name" }, 100),
  );
  const update = useUpdate(contacts);
  const mayUpdate = useCan("contact", "update");
  const mayCreate = useCan("contact", "create");
  const [adding, setAdding] = useState<"new" | "existing">();
  const refresh = (): void => void client.invalidateQueries({ queryKey: keys.lists("contact") });

  const attach = async (id: string): Promise<void> => {
    const contact = await contacts.get(id);
    const employments = [
      ...contact.employments,
      { companyId: company.id, role: "", primary: contact.employments.length === 0 },
    ];
    await update.mutateAsync({ record: contact, patch: { employments } as Partial<Contact> });
    setAdding(undefined);
    refresh();
  };
  const detach = async (contact: Contact): Promise<void> => {
    const employments = contact.employments.filter((e) => e.companyId !== company.id);
    const saved = await update.mutateAsync({ record: contact, patch: { employments } as Partial<Contact> });
    refresh();
    toast(t("contact.detached", { name: contact.name }), {
      undo: () =>
        void update
          .mutateAsync({ record: saved, patch: { employments: contact.employments } as Partial<Contact> })
          .then(refresh),
    });
  };

  if (query.error) {
    return <ErrorNote error={query.error} retry={() => void query.refetch()} />;
  }
  if (query.isPending) {
    return <SkeletonRows count={4} />;
  }
  return (
    <>
      {query.data.items.length === 0 && !adding && <Empty title={t("contact.noneOfCompany")} />}
      <ul className={classes["people"]}>
        {query.data.items.map((contact) => (
          <li key={contact.id}>
            <Link to="/contacts/$id" params={{ id: contact.id }} className="cut">
              {contact.name}
            </Link>
            <span className="muted cut">
              {contact.employments.find((e) => e.companyId === company.id)?.role || contact.position}
            </span>
            <span className="cut">{contact.phones[0]?.number ?? contact.emails[0]?.address}</span>
            {mayUpdate && (
              <ActionIcon
                size={24}
                aria-label={t("contact.detach", { name: contact.name })}
                onClick={() => void detach(contact)}
              >
                <IconX size={13} />
              </ActionIcon>
            )}
          </li>
        ))}
      </ul>
      {update.error && <ErrorNote error={update.error} />}
      {adding === "existing" && (
        <RecordPicker
          resource={contacts}
          label={t("contact.find")}
          nameOf={(c) => c.name}
          hintOf={(c) => c.position}
          searchIn={["name"]}
          orderBy="name"
          value={undefined}
          autoOpen
          onPick={(picked) => picked && void attach(picked.id)}
        />
      )}
      <div style={{ display: "flex", gap: 8, marginTop: 8 }}>
        {mayCreate && (
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<IconPlus size={13} />}
            onClick={() => setAdding("new")}
          >
            {t("contact.new")}
          </Button>
        )}
        {mayUpdate && adding !== "existing" && (
          <Button size="compact-sm" variant="subtle" onClick={() => setAdding("existing")}>
            {t("contact.attach")}
          </Button>
        )}
      </div>
      {adding === "new" && (
        <NewContact
          company={{ id: company.id, name: company.name }}
          onClose={() => setAdding(undefined)}
          stay
        />
      )}
    </>
  );
}
