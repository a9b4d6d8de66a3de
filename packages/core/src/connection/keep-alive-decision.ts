// SPDX-License-Identifier: Apache-2.0
//
// When to send PINGREQ and when to give a connection up (§3.1.2.10), as a function of instants.

/** PINGREQ leaves this much of the keep alive before it is over: timers fire late, and packets take time to arrive. */
const EARLY = 0.05;

/** Longest wait for an answer when nobody says otherwise. Shorter keep alives wait half of theirs. */
const DEFAULT_PING_TIMEOUT_MS = 10_000;

/** All instants and durations in milliseconds. */
export interface KeepAliveState {
  /** The keep alive in force for this connection; 0 for none. */
  readonly intervalMs: number;
  readonly pingTimeoutMs: number;
  /** When the last packet was handed to the connection. */
  readonly lastSentAt: number;
  /** When the last byte arrived, or when reading began anew. */
  readonly lastReceivedAt: number;
  /** Since when a PINGREQ waits for an answer; undefined when none does. */
  readonly unansweredSince: number | undefined;
  /** False while reading is paused: then silence says nothing about the broker. */
  readonly reading: boolean;
}

export type KeepAliveDecision =
  /** Decide again at `until`; undefined: not before something changes. */
  | { readonly action: 'wait'; readonly until: number | undefined }
  | { readonly action: 'ping' }
  /** Give up, once what has already arrived has been read. */
  | { readonly action: 'condemn' };

export function decideKeepAlive(state: KeepAliveState, now: number): KeepAliveDecision {
  // One PINGREQ is open at a time. While reading is paused its answer cannot be seen, so it does not count as open.
  if (state.reading && state.unansweredSince !== undefined) {
    const deadline = state.unansweredSince + state.pingTimeoutMs;
    return now >= deadline ? { action: 'condemn' } : { action: 'wait', until: deadline };
  }
  if (state.intervalMs === 0) return { action: 'wait', until: undefined };
  const quiet = state.intervalMs * (1 - EARLY);
  // §3.1.2.10 asks for it when nothing was sent. When nothing was received, it is the only way to find a dead peer.
  const quietSince = state.reading ? Math.min(state.lastSentAt, state.lastReceivedAt) : state.lastSentAt;
  return now >= quietSince + quiet ? { action: 'ping' } : { action: 'wait', until: quietSince + quiet };
}

/** How long a PINGREQ may stay unanswered under the keep alive in force (0 for none). */
export function effectivePingTimeoutMs(option: number | undefined, intervalMs: number): number {
  if (intervalMs === 0) return option ?? DEFAULT_PING_TIMEOUT_MS;
  return Math.min(option ?? Math.min(DEFAULT_PING_TIMEOUT_MS, intervalMs / 2), intervalMs);
}
