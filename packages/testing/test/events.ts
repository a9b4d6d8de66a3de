// SPDX-License-Identifier: Apache-2.0
import type { Broker } from '../src/index.ts';

/** Waits until the broker has come to see it so; each turn of the event loop looks again, for at most five seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > deadline)
      throw new Error(`this did not come true in five seconds: ${condition.toString()}`);
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}

/** Waits until the broker has noticed that the connection of this client is gone, or its session with it. */
export function untilGone(broker: Broker, clientId: string): Promise<void> {
  return until(() => !broker.clients.some((client) => client.clientId === clientId && client.connected));
}

/** A promise that is settled from outside. */
export function gate<T>(): { readonly promise: Promise<T>; readonly open: (value: T) => void } {
  let open: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}
