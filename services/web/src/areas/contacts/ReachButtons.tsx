import { Button } from "@mantine/core";
import type { EmailAddress, PhoneNumber } from "../../api/model";
import { t } from "../../i18n";
import { IconMail, IconPhone } from "../../parts/icons";

interface Reached {
  phones: PhoneNumber[];
  emails: EmailAddress[];
  doNotContact: string[];
}

/** Call and write, by the first number and address; a channel that must not be used cannot be (CON-22, CON-23). */
export function ReachButtons({ record }: { record: Reached }) {
  const phone = record.phones.find((p) => p.primary) ?? record.phones[0];
  const email = record.emails.find((e) => e.primary) ?? record.emails[0];
  return (
    <>
      {phone && (
        <ReachButton
          href={`tel:${phone.e164 || phone.number}`}
          icon={<IconPhone size={14} />}
          label={t("action.call")}
          blocked={record.doNotContact.includes("phone")}
        />
      )}
      {email && (
        <ReachButton
          href={`mailto:${email.address}`}
          icon={<IconMail size={14} />}
          label={t("action.write")}
          blocked={record.doNotContact.includes("email")}
        />
      )}
    </>
  );
}

interface ButtonProps {
  href: string;
  icon: React.ReactNode;
  label: string;
  blocked: boolean;
}

function ReachButton({ href, icon, label, blocked }: ButtonProps) {
  return blocked ? (
    <Button variant="default" leftSection={icon} disabled title={t("channel.blocked")}>
      {label}
    </Button>
  ) : (
    <Button component="a" href={href} variant="default" leftSection={icon}>
      {label}
    </Button>
  );
}
