import { Button } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { api, call } from "../api/client";
import { session } from "../api/session";
import { t } from "../i18n";
import { signInOrganization } from "./external";

/** A button for each provider that the organisation's users sign in with (ID-7). Without any there is nothing. */
export function Providers({ onError }: { onError: (error: unknown) => void }) {
  const organizationId = signInOrganization();
  const providers = useQuery({
    queryKey: ["signInProvider", organizationId],
    queryFn: async ({ signal }) =>
      (
        await call(
          api.GET("/v1/signInProviders", {
            params: { query: organizationId ? { organizationId } : {} },
            signal,
          }),
        )
      ).providers ?? [],
    retry: false, // whoever cannot be offered them has the password
  });
  const begin = useMutation({
    mutationFn: (id: string) => session.beginExternal(id),
    onSuccess: (address) => window.location.assign(address),
    onError,
  });
  return (providers.data ?? []).map((provider) => (
    <Button
      key={provider.id}
      size="sm"
      variant="default"
      loading={begin.isPending && begin.variables === provider.id}
      onClick={() => begin.mutate(provider.id ?? "")}
    >
      {t("external.with", { name: provider.name ?? "" })}
    </Button>
  ));
}
