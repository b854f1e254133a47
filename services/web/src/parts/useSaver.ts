import { useUpdate, type Record_, type Resource } from "../api/resource";
import { t } from "../i18n";
import { messageOf } from "./notes";
import { toast } from "./toasts";

/**
 * Saves single fields of a record. Each save is told of with a way back, which puts the old value of that field in
 * place whatever else has changed meanwhile.
 */
export function useSaver<T extends Record_>(resource: Resource<T>, record: T) {
  const update = useUpdate(resource);
  return async <K extends keyof T & string>(field: K, value: T[K], label: string): Promise<void> => {
    const before = record[field];
    const saved = await update.mutateAsync({ record, patch: { [field]: value } as unknown as Partial<T> });
    toast(t("field.saved", { label }), {
      undo: () =>
        void update
          .mutateAsync({ record: saved, patch: { [field]: before ?? null } as unknown as Partial<T> })
          .catch((error: unknown) => toast(messageOf(error), { tone: "bad" })),
    });
  };
}
