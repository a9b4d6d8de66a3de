// SPDX-License-Identifier: Apache-2.0

/** What keeps the process alive at this moment, by kind: sockets, servers, timers. */
export function activeResources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** Kinds of which there are more than `before`, as soon as there are none or `signal` aborts: closing takes its turns. */
export async function leftBehind(
  before: ReadonlyMap<string, number>,
  signal: AbortSignal,
): Promise<Readonly<Record<string, number>>> {
  for (;;) {
    const more = [...activeResources()]
      // What this very wait uses.
      .filter(([kind]) => kind !== 'Immediate')
      .map(([kind, count]) => [kind, count - (before.get(kind) ?? 0)] as const)
      .filter(([, count]) => count > 0);
    if (more.length === 0 || signal.aborted) return Object.fromEntries(more);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
