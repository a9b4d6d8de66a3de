// SPDX-License-Identifier: Apache-2.0
//
// Carries out what the engine decides, as reliability.md, "Stores", asks of whoever does: one batch a turn, nothing leaves
// before what was decided earlier is committed, what a commit releases belongs to the connection on which it was decided.

import type { Packet, PublishPacket } from '@mqttv5/wire';
import type { ClientStats } from '../../src/api/stats.ts';
import type { SessionOperation } from '../../src/api/store.ts';
import type {
  ControlRequest,
  InboundExchange,
  PublishExchange,
  PublishOutcome,
  RequestOutcome,
  SessionEffects,
} from '../../src/session/effects.ts';
import { ensure } from './model-failure.ts';

type Release =
  | { readonly link: object; readonly packet: Packet; readonly exchange: PublishExchange | undefined }
  | { readonly exchange: PublishExchange; readonly outcome: PublishOutcome };

interface Batch {
  readonly operations: SessionOperation[];
  /** First records of new publishes, by the index of their operation. */
  readonly firstPuts: Map<number, PublishExchange>;
  readonly releases: Release[];
  /** Where the client is at the end of the turn: what a process that finds this batch in the store believes. */
  session: unknown;
}

export interface RunnerHooks {
  /** The engine has decided to send. */
  sending(packet: Packet): void;
  /** Bytes go to the connection. */
  written(link: object, packet: Packet): void;
  deliver(packet: PublishPacket, topic: string, exchange: InboundExchange | undefined): void;
  decided(exchange: PublishExchange, outcome: PublishOutcome): void;
  settled(exchange: PublishExchange, outcome: PublishOutcome): void;
  answered(request: ControlRequest, outcome: RequestOutcome): void;
  firstPutFailed(exchange: PublishExchange): void;
}

export class ModelRunner implements SessionEffects {
  readonly #hooks: RunnerHooks;
  readonly #persistent: boolean;
  readonly store: Map<string, Uint8Array>;
  #staged: Batch = { operations: [], firstPuts: new Map(), releases: [], session: undefined };
  /** Of the newest commit. */
  committedSession: unknown;
  readonly #pending: Batch[] = [];
  link: object | undefined;
  room = true;

  constructor(hooks: RunnerHooks, persistent: boolean, store: Map<string, Uint8Array>) {
    this.#hooks = hooks;
    this.#persistent = persistent;
    this.store = store;
  }

  get pending(): number {
    return this.#pending.length;
  }

  /** The end of a turn: its decisions are one batch. */
  endTurn(session: unknown): void {
    const batch = this.#staged;
    if (batch.operations.length === 0 && batch.releases.length === 0) return;
    batch.session = session;
    this.#staged = { operations: [], firstPuts: new Map(), releases: [], session: undefined };
    this.#pending.push(batch);
  }

  /** One commit; with `full` there is no space for new publishes, and their first records are left out of it. */
  commit(full = false): void {
    const batch = this.#pending.shift();
    if (batch === undefined) return;
    for (const [index, operation] of batch.operations.entries()) {
      if (full && batch.firstPuts.has(index)) continue;
      if (operation.type === 'put') this.store.set(operation.key, operation.value);
      else this.store.delete(operation.key);
    }
    this.committedSession = batch.session;
    if (full) for (const exchange of batch.firstPuts.values()) this.#hooks.firstPutFailed(exchange);
    for (const release of batch.releases) this.#release(release);
  }

  commitAll(session: unknown): void {
    this.endTurn(session);
    while (this.#pending.length > 0) this.commit();
  }

  #release(release: Release): void {
    if ('outcome' in release) {
      this.#hooks.settled(release.exchange, release.outcome);
      return;
    }
    const { link, packet, exchange } = release;
    if (link !== this.link || exchange?.settled) return;
    this.#write(link, packet, exchange);
  }

  #write(link: object, packet: Packet, exchange: PublishExchange | undefined): void {
    exchange?.markWritten();
    if (this.#persistent) this.#checkStored(packet);
    this.#hooks.written(link, packet);
  }

  /** Stored before sent (I-01, I-02, I-04, I-05). */
  #checkStored(packet: Packet): void {
    if (packet.type === 'publish' && packet.qos > 0) {
      ensure(this.store.has(`o/${packet.packetIdentifier}`), `PUBLISH ${packet.topicName} before its record`);
    } else if (packet.type === 'pubrel' && packet.reasonCode === 0) {
      // Gone is right too: a PUBREL that was decided twice, of a message that has ended meanwhile.
      const phase = this.#phaseOf(packet.packetIdentifier) ?? AWAIT_PUBCOMP;
      ensure(phase === AWAIT_PUBCOMP, `PUBREL ${packet.packetIdentifier} before its record`);
    } else if (packet.type === 'pubrec' && packet.reasonCode < 0x80) {
      ensure(this.store.has(`i/${packet.packetIdentifier}`), `PUBREC ${packet.packetIdentifier} before its record`);
    } else if (packet.type === 'pubcomp') {
      ensure(
        !this.store.has(`i/${packet.packetIdentifier}`),
        `PUBCOMP ${packet.packetIdentifier} before its record is gone`,
      );
    }
  }

  #phaseOf(packetIdentifier: number): number | undefined {
    return this.store.get(`o/${packetIdentifier}`)?.[FIRST_CONTENT_BYTE];
  }

  // -- SessionEffects

  send(packet: Packet, exchange?: PublishExchange): boolean {
    const { link } = this;
    ensure(link !== undefined, `${packet.type} without a connection`);
    this.#hooks.sending(packet);
    if (this.#persistent) this.#staged.releases.push({ link, packet, exchange });
    else this.#write(link, packet, exchange);
    return this.room;
  }

  persist(operation: SessionOperation, firstPutOf?: PublishExchange): void {
    ensure(this.#persistent, 'an operation without a store');
    if (firstPutOf !== undefined) this.#staged.firstPuts.set(this.#staged.operations.length, firstPutOf);
    this.#staged.operations.push(operation);
  }

  deliver(packet: PublishPacket, topic: string, exchange: InboundExchange | undefined): void {
    this.#hooks.deliver(packet, topic, exchange);
  }

  settlePublish(exchange: PublishExchange, outcome: PublishOutcome): void {
    this.#hooks.decided(exchange, outcome);
    if (this.#persistent) this.#staged.releases.push({ exchange, outcome });
    else this.#hooks.settled(exchange, outcome);
  }

  settleRequest(request: ControlRequest, outcome: RequestOutcome): void {
    this.#hooks.answered(request, outcome);
  }

  violation(reasonCode: number, detail: string): void {
    ensure(false, `a broker that keeps the rules was accused: 0x${reasonCode.toString(16)} ${detail}`);
  }

  count(_counter: keyof ClientStats, _by?: number): void {}
}

const FIRST_CONTENT_BYTE = 2;
const AWAIT_PUBCOMP = 3;
