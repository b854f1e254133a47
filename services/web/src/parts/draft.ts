import { useCallback, useState } from "react";

/** State that outlives a closed dialog or a reload, so that nothing typed is lost; cleared when done. */
export function useDraft<T extends object>(
  name: string,
  initial: T,
): [T, (patch: Partial<T>) => void, () => void] {
  const key = `draft.${name}`;
  const [value, setValue] = useState<T>(() => {
    try {
      return { ...initial, ...(JSON.parse(sessionStorage.getItem(key) ?? "{}") as Partial<T>) };
    } catch {
      return initial;
    }
  });
  const patch = useCallback(
    (change: Partial<T>) =>
      setValue((before) => {
        const after = { ...before, ...change };
        sessionStorage.setItem(key, JSON.stringify(after));
        return after;
      }),
    [key],
  );
  const clear = useCallback(() => sessionStorage.removeItem(key), [key]);
  return [value, patch, clear];
}
