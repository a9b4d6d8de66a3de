// SPDX-License-Identifier: Apache-2.0
//
// Runs `decideKeepAlive` for one connection: one timer, armed for the next instant at which the decision can change, never
// touched by traffic.

import type { Clock, Scheduled } from '../clock.ts';
import type { AnyMqttError } from '../errors.ts';
import type { Counters } from '../stats.ts';
import { decideKeepAlive } from './keep-alive-decision.ts';
import type { KeepAliveState } from './keep-alive-decision.ts';
import type { PacketConnection } from './packet-connection.ts';

/** What is in force for this connection. */
export interface KeepAliveTimes {
  /** 0 for none. */
  readonly intervalMs: number;
  readonly pingTimeoutMs: number;
}

export interface KeepAliveOwner {
  /** Nothing came in time. */
  pingTimedOut(pingTimeoutMs: number): void;
}

interface PingWaiter {
  readonly resolve: (elapsedMs: number) => void;
  readonly reject: (error: AnyMqttError) => void;
}

const NOBODY: readonly PingWaiter[] = [];

export class KeepAlive {
  readonly #packets: PacketConnection;
  readonly #owner: KeepAliveOwner;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #intervalMs: number;
  readonly #pingTimeoutMs: number;
  /** Nothing is read before somebody is there to take it. */
  #reading = false;
  /** Reading began anew: silence from before does not count. */
  #readingSince: number;
  #stopped = false;
  #timer: Scheduled | undefined;

  /** Since when the open PINGREQ waits, moved on by pauses and by a slow way out; undefined when it was answered. */
  #unansweredSince: number | undefined;
  /** `chunksReceived` when it was sent: any byte answers it. */
  #chunksBefore = 0;
  /** Where it ends in the outgoing stream, and what the peer had taken when it was last looked at. */
  #pingPosition = 0;
  #writesEnded = 0;

  #pingSentAt = Number.NEGATIVE_INFINITY;
  #pingsSent = 0;
  #pingrespsReceived = 0;
  /** All for the same PINGREQ, the `#awaitedPing`th. */
  #waiters = NOBODY;
  #awaitedPing = 0;

  constructor(
    packets: PacketConnection,
    owner: KeepAliveOwner,
    { clock, counters }: { readonly clock: Clock; readonly counters: Counters },
    { intervalMs, pingTimeoutMs }: KeepAliveTimes,
  ) {
    this.#packets = packets;
    this.#owner = owner;
    this.#clock = clock;
    this.#counters = counters;
    this.#intervalMs = intervalMs;
    this.#pingTimeoutMs = pingTimeoutMs;
    this.#readingSince = clock.now();
    this.#decide();
  }

  /** The time from PINGREQ to PINGRESP. Joins a PINGREQ that is open, else sends one. */
  ping(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#look();
      this.#waiters = [...this.#waiters, { resolve, reject }];
      if (this.#waiters.length > 1) return;
      if (this.#unansweredSince === undefined) this.#sendPing();
      this.#awaitedPing = this.#pingsSent;
      this.#decide();
    });
  }

  handlePingresp(): void {
    this.#unansweredSince = undefined;
    if (this.#pingrespsReceived < this.#pingsSent) this.#pingrespsReceived++;
    if (this.#waiters.length > 0 && this.#pingrespsReceived >= this.#awaitedPing) this.#resolveWaiters();
  }

  /** Reading stops: no liveness deadline runs, PINGREQ still goes out. */
  pause(): void {
    if (!this.#reading) return;
    this.#reading = false;
    this.#decide();
  }

  resume(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#readingSince = this.#clock.now();
    if (this.#unansweredSince !== undefined) this.#unansweredSince = this.#readingSince;
    this.#decide();
  }

  stop(error: AnyMqttError): void {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const waiter of this.#takeWaiters()) waiter.reject(error);
  }

  #state(): KeepAliveState {
    const { lastSentAt, lastReceivedAt } = this.#packets;
    return {
      intervalMs: this.#intervalMs,
      pingTimeoutMs: this.#pingTimeoutMs,
      // A PINGREQ that a full connection has not taken yet is sent for all that we can do.
      lastSentAt: Math.max(lastSentAt, this.#pingSentAt),
      lastReceivedAt: Math.max(lastReceivedAt, this.#readingSince),
      unansweredSince: this.#unansweredSince,
      reading: this.#reading,
    };
  }

  #decide(): void {
    if (this.#stopped) return;
    this.#timer?.cancel();
    this.#look();
    const clock = this.#clock;
    let decision = decideKeepAlive(this.#state(), clock.now());
    if (decision.action === 'ping') {
      this.#sendPing();
      // Sending may have found the connection broken.
      if (this.#stopped) return;
      decision = decideKeepAlive(this.#state(), clock.now());
    }
    if (decision.action === 'condemn') {
      // After a blocked loop timers run before reads: the answer may have been waiting all along.
      this.#timer = clock.nextTurn(() => this.#condemnUnlessAnswered());
    } else {
      this.#arm(decision.action === 'wait' ? decision.until : undefined);
    }
  }

  #arm(decideAt: number | undefined): void {
    const clock = this.#clock;
    // Other bytes have answered the PINGREQ: those who wait for its PINGRESP get no more time than it had.
    const othersAnswered = this.#waiters.length > 0 && this.#unansweredSince === undefined;
    const until = othersAnswered ? Math.min(decideAt ?? Infinity, this.#pingSentAt + this.#pingTimeoutMs) : decideAt;
    if (until === undefined) return;
    this.#timer = clock.setTimer(until - clock.now(), () => this.#decide(), { unref: true });
  }

  #condemnUnlessAnswered(): void {
    this.#look();
    if (decideKeepAlive(this.#state(), this.#clock.now()).action !== 'condemn') return this.#decide();
    this.#counters.pingTimeouts++;
    this.#owner.pingTimedOut(this.#pingTimeoutMs);
  }

  /** Takes note of what happened since the last look: packets pass without telling. */
  #look(): void {
    const now = this.#clock.now();
    if (this.#unansweredSince !== undefined) {
      if (this.#packets.chunksReceived !== this.#chunksBefore) {
        this.#unansweredSince = undefined;
      } else if (!this.#packets.writtenUpTo(this.#pingPosition) && this.#packets.writesEnded !== this.#writesEnded) {
        // It stands behind a backlog that the peer is taking in: slow is not dead.
        this.#writesEnded = this.#packets.writesEnded;
        this.#unansweredSince = now;
      }
    }
    const late = now >= this.#pingSentAt + this.#pingTimeoutMs;
    if (late && this.#waiters.length > 0 && this.#unansweredSince === undefined) this.#resolveWaiters();
  }

  #sendPing(): void {
    const now = this.#clock.now();
    this.#counters.pingsSent++;
    this.#pingsSent++;
    this.#packets.send({ type: 'pingreq' });
    this.#packets.flush();
    this.#unansweredSince = now;
    this.#pingSentAt = now;
    this.#chunksBefore = this.#packets.chunksReceived;
    this.#pingPosition = this.#packets.sendPosition;
    this.#writesEnded = this.#packets.writesEnded;
  }

  #resolveWaiters(): void {
    const elapsed = this.#clock.now() - this.#pingSentAt;
    this.#pingrespsReceived = this.#pingsSent;
    for (const waiter of this.#takeWaiters()) waiter.resolve(elapsed);
  }

  #takeWaiters(): readonly PingWaiter[] {
    const waiters = this.#waiters;
    this.#waiters = NOBODY;
    return waiters;
  }
}
