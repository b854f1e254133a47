import { Button, Menu, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, call } from "../../api/client";
import type { User } from "../../api/model";
import { t } from "../../i18n";
import { Dialog } from "../../parts/Dialog";
import { messageOf } from "../../parts/notes";
import { toast } from "../../parts/toasts";
import { When } from "../../parts/When";

/** Where the invitation of somebody without a password stands (ID-12). */
export function InvitationState({ user }: { user: User }) {
  const invitation = user.invitation;
  if (!invitation?.expireTime) {
    return <span className="muted">{t("users.noPassword")}</span>;
  }
  if (invitation.failure) {
    return (
      <span className="bad" title={invitation.failure}>
        {t("invitation.failed")}
      </span>
    );
  }
  return (
    <span className="muted">
      {past(invitation.expireTime) ? t("invitation.expired") : t("invitation.until")}{" "}
      <When at={invitation.expireTime} />
    </span>
  );
}

function past(time: string): boolean {
  return new Date(time).getTime() < Date.now();
}

/** Invites, once more or for the first time, and takes an invitation back. */
export function InvitationItems({ user, onLink }: { user: User; onLink: (link: string) => void }) {
  const client = useQueryClient();
  const done = (): void => void client.invalidateQueries({ queryKey: ["user"] });
  const failed = (error: unknown): void => toast(messageOf(error), { tone: "bad" });
  const at = { params: { path: { id: user.id } } };
  const invite = useMutation({
    mutationFn: () => call(api.POST("/v1/users/{id}:invite", at)),
    onSuccess: ({ link }) => {
      done();
      if (link) {
        onLink(link);
      } else {
        toast(t("invitation.sent", { email: user.email }));
      }
    },
    onError: failed,
  });
  const revoke = useMutation({
    mutationFn: () => call(api.POST("/v1/users/{id}:revokeInvitation", at)),
    onSuccess: done,
    onError: failed,
  });
  if (!user.active || user.canSignIn) {
    return null;
  }
  return (
    <>
      <Menu.Item onClick={() => invite.mutate()}>
        {user.invitation ? t("invitation.again") : t("invitation.send")}
      </Menu.Item>
      {user.invitation && <Menu.Item onClick={() => revoke.mutate()}>{t("invitation.revoke")}</Menu.Item>}
    </>
  );
}

/** The link to pass on, where there is no mail server to send it. */
export function InvitationLink({ link, onClose }: { link: string; onClose: () => void }) {
  return (
    <Dialog title={t("invitation.link")} submitLabel={t("common.close")} onClose={onClose} onSubmit={onClose}>
      <p style={{ margin: 0 }}>{t("invitation.linkText")}</p>
      <TextInput
        aria-label={t("invitation.link")}
        readOnly
        value={link}
        onFocus={(e) => e.currentTarget.select()}
      />
      <div>
        <Button
          variant="default"
          onClick={() => void navigator.clipboard.writeText(link).then(() => toast(t("keys.copied")))}
        >
          {t("keys.copy")}
        </Button>
      </div>
    </Dialog>
  );
}
