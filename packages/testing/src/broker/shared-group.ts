// SPDX-License-Identifier: Apache-2.0
import type { Session } from './session.ts';
import type { Subscription } from './subscription.ts';

/** The sessions of one Shared Subscription: one share name, one filter (§4.8.2). Each message goes to one of them. */
export class SharedGroup {
  readonly #members = new Map<Session, Subscription>();
  /** The same sessions, in order, for taking turns. */
  #order: Session[] = [];
  #turn = 0;

  get size(): number {
    return this.#members.size;
  }

  set(session: Session, subscription: Subscription): void {
    if (!this.#members.has(session)) this.#order.push(session);
    this.#members.set(session, subscription);
  }

  delete(session: Session): void {
    if (!this.#members.delete(session)) return;
    this.#order = this.#order.filter((member) => member !== session);
  }

  /**
   * Whose turn it is. Members take turns; a connected one with room in its send quota goes first, then a connected one,
   * and for QoS 1 and 2 (`mayWait`) one whose session waits for its client.
   */
  pick(mayWait: boolean): Subscription | undefined {
    const picked =
      this.#next((session) => session.connected && session.deliveries.hasRoom) ??
      this.#next((session) => session.connected) ??
      (mayWait ? this.#next(() => true) : undefined);
    return picked === undefined ? undefined : this.#members.get(picked);
  }

  #next(isFit: (session: Session) => boolean): Session | undefined {
    for (let step = 0; step < this.#order.length; step++) {
      const index = (this.#turn + step) % this.#order.length;
      const session = this.#order[index];
      if (session === undefined || !isFit(session)) continue;
      this.#turn = index + 1;
      return session;
    }
    return undefined;
  }
}
