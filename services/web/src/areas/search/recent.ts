/** A record that was opened from the search. */
export interface Recent {
  kind: string;
  id: string;
  title: string;
}

const most = 8;

function keyOf(userId: string): string {
  return `search.recent.${userId}`;
}

/** The records that a user has last opened from the search on this device, the last first. */
export function recentOf(userId: string): Recent[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(keyOf(userId)) ?? "[]");
    return Array.isArray(kept)
      ? (kept as Recent[]).filter((r) => r.kind && r.id && r.title).slice(0, most)
      : [];
  } catch {
    return [];
  }
}

/** Remembers that a user has opened a record. */
export function remember(userId: string, { kind, id, title }: Recent): void {
  const others = recentOf(userId).filter((r) => r.id !== id);
  localStorage.setItem(keyOf(userId), JSON.stringify([{ kind, id, title }, ...others].slice(0, most)));
}
