// SPDX-License-Identifier: Apache-2.0
import { messageFromWill } from './message.ts';
import type { Router } from './router.ts';
import { neverExpires, Session } from './session.ts';
import type { Settings } from './settings.ts';
import { askAuthorize } from './ask.ts';

/** All sessions by ClientID [MQTT-3.1.3-2]: how they begin, wait for their client, and end. */
export class Sessions {
  readonly #settings: Settings;
  readonly #router: Router;
  readonly #sessions = new Map<string, Session>();

  constructor(settings: Settings, router: Router) {
    this.#settings = settings;
    this.#router = router;
  }

  [Symbol.iterator](): IterableIterator<Session> {
    return this.#sessions.values();
  }

  get(clientId: string): Session | undefined {
    return this.#sessions.get(clientId);
  }

  /**
   * The session a CONNECT gets: the stored one with Clean Start 0 [MQTT-3.1.2-5], else a new one [MQTT-3.1.2-4]
   * [MQTT-3.1.2-6]. The stored one must not be connected any more.
   */
  open(clientId: string, cleanStart: boolean): { readonly session: Session; readonly present: boolean } {
    const stored = this.#sessions.get(clientId);
    if (stored !== undefined && !cleanStart) {
      stored.cancelExpiry?.();
      // Here in time: a will that waited is not sent [MQTT-3.1.3-9].
      this.#dropWill(stored);
      return { session: stored, present: true };
    }
    // A new session ends the old one, and with it the delay of its will.
    if (stored !== undefined) this.end(stored);
    const session = new Session(clientId, this.#settings);
    this.#sessions.set(clientId, session);
    return { session, present: false };
  }

  /**
   * The connection is gone. The will is published at the earlier of its delay and the end of the session [MQTT-3.1.2-8],
   * which comes when the expiry interval is over [MQTT-4.1.0-2].
   */
  connectionEnded(session: Session): void {
    session.detach();
    const { will, expiryInterval } = session;
    if (expiryInterval === 0) {
      this.end(session);
      return;
    }
    const { clock } = this.#settings;
    if (expiryInterval !== neverExpires) {
      session.cancelExpiry = clock.schedule(() => this.end(session), expiryInterval * 1000);
    }
    if (will === undefined) return;
    const delay = will.properties?.willDelayInterval ?? 0;
    if (delay === 0) this.#publishWill(session);
    else session.cancelWill = clock.schedule(() => this.#publishWill(session), delay * 1000);
  }

  /** The session is over: subscriptions and messages go, a will that is still there is published. */
  end(session: Session): void {
    this.#remove(session);
    this.#publishWill(session);
  }

  /** As {@link Sessions.end}, with no trace: the will goes unpublished. */
  forget(session: Session): void {
    this.#dropWill(session);
    this.#remove(session);
  }

  #remove(session: Session): void {
    session.cancelExpiry?.();
    if (this.#sessions.get(session.clientId) === session) this.#sessions.delete(session.clientId);
    this.#router.removeSession(session);
  }

  #dropWill(session: Session): void {
    session.cancelWill?.();
    session.cancelWill = undefined;
    session.will = undefined;
  }

  /** Once: publishing it removes it [MQTT-3.1.2-10]. */
  #publishWill(session: Session): void {
    const { will, clientId, username } = session;
    this.#dropWill(session);
    if (will === undefined) return;
    const topic = will.topicName;
    if (askAuthorize(this.#settings, { clientId, username, action: 'publish', topic }) !== 0) {
      this.#settings.logger?.info(`will of ${clientId} refused`, { topicName: topic });
      return;
    }
    this.#router.route(messageFromWill(will, clientId, this.#settings.clock.now()));
  }
}
