// SPDX-License-Identifier: Apache-2.0
//
// Reads back what a store holds. A record that cannot be read is set aside and reported, and the rest loads; its identifier
// is not used again in that session. When an identifier itself cannot be read the session is given up.

import type { Settled } from '../api/publish.ts';
import { completedKey, decodeCompleted, refIn } from './completed-records.ts';
import type { ProducerRef } from './producer-ref.ts';
import type { PublishExchange } from './publish-exchange.ts';
import { openFrame } from './record-frame.ts';
import { DAMAGED_PREFIX, decodeInbound, decodeOutbound, identifierIn, META_KEY } from './records.ts';
import type { SessionMeta } from './session-meta.ts';
import { decodeMeta } from './session-meta.ts';

export interface DamagedRecord {
  readonly key: string;
  readonly value: Uint8Array;
  readonly reason: string;
}

/** The records of a store, sorted out. */
export interface StoredSession {
  meta: SessionMeta | undefined;
  /** In send order. */
  readonly outbound: PublishExchange[];
  /** `doubts` is undefined when it could not be read. */
  readonly inbound: { readonly packetIdentifier: number; readonly doubts: number | undefined }[];
  readonly completed: { readonly ref: ProducerRef; readonly outcome: Settled }[];
  /** Outgoing identifiers that must not be used: given up, or their record is damaged. */
  readonly taken: number[];
  /** Found damaged now. */
  readonly damaged: DamagedRecord[];
  /** Keys of what was set aside earlier in this session. */
  readonly setAside: string[];
  /** An identifier, or whose session it is, could not be read. */
  giveUp: boolean;
}

export function readStore(entries: Iterable<readonly [key: string, value: Uint8Array]>): StoredSession {
  const session: StoredSession = {
    meta: undefined,
    outbound: [],
    inbound: [],
    completed: [],
    taken: [],
    damaged: [],
    setAside: [],
    giveUp: false,
  };
  for (const [key, value] of entries) {
    try {
      readEntry(session, key, value);
    } catch (error) {
      setAside(session, key, value, error instanceof Error ? error.message : 'the content makes no sense');
    }
  }
  session.outbound.sort((a, b) => a.sequence - b.sequence);
  return session;
}

function readEntry(session: StoredSession, key: string, value: Uint8Array): void {
  if (key.startsWith(DAMAGED_PREFIX)) {
    rememberSetAside(session, key);
    return;
  }
  const opened = openFrame(key, value);
  if ('reason' in opened) {
    setAside(session, key, value, opened.reason);
    return;
  }
  const { kind, content } = opened;
  if (kind === 'meta' && key === META_KEY) {
    session.meta = decodeMeta(content);
  } else if (kind === 'completed') {
    session.completed.push({ ref: refOf(key), outcome: decodeCompleted(content) });
  } else {
    readFlow(session, key, kind, content);
  }
}

function readFlow(session: StoredSession, key: string, kind: string, content: Uint8Array): void {
  const packetIdentifier = identifierIn(key);
  if (packetIdentifier === undefined) throw new RangeError('the key has no packet identifier');
  const outgoing = key.startsWith('o/');
  if (kind === 'outbound' && outgoing) session.outbound.push(decodeOutbound(content, packetIdentifier));
  else if (kind === 'taken' && outgoing) session.taken.push(packetIdentifier);
  else if (kind === 'inbound' && !outgoing) session.inbound.push({ packetIdentifier, ...decodeInbound(content) });
  else throw new RangeError(`a record of kind ${kind}`);
}

function refOf(key: string): ProducerRef {
  const ref = refIn(key);
  if (ref === undefined || completedKey(ref) !== key) throw new RangeError('the key has no Ref');
  return ref;
}

function setAside(session: StoredSession, key: string, value: Uint8Array, reason: string): void {
  session.damaged.push({ key, value, reason });
  // Without Completed the producer asks the session again, or publishes again: no identifier is concerned.
  if (key.startsWith('c/')) return;
  const packetIdentifier = identifierIn(key);
  if (packetIdentifier === undefined) {
    session.giveUp = true;
  } else if (key.startsWith('o/')) {
    session.taken.push(packetIdentifier);
  } else {
    // All such a record says is that its PUBREC was decided, and the key says that.
    session.inbound.push({ packetIdentifier, doubts: undefined });
  }
}

function rememberSetAside(session: StoredSession, key: string): void {
  session.setAside.push(key);
  const packetIdentifier = identifierIn(key.slice(DAMAGED_PREFIX.length));
  if (packetIdentifier !== undefined && key.startsWith(`${DAMAGED_PREFIX}o/`)) session.taken.push(packetIdentifier);
}
