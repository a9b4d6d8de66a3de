// SPDX-License-Identifier: Apache-2.0
//
// The steps of a durable publish behind which a process can die. A gateway that is told a step kills itself there, with
// SIGKILL, so that nothing runs any more: no handler, no flush, no close.

import process from 'node:process';
import type { Connection, Dial, PublisherQueue, SessionOperation, SessionStore } from '@mqttv5/core';
import { Decoder } from '@mqttv5/wire';
import type { PacketType } from '@mqttv5/wire';

export const STEPS = [
  'entry synced',
  'record committed',
  'PUBLISH written',
  'PUBACK read',
  'PUBREC read',
  'AwaitPubcomp committed',
  'PUBREL written',
  'PUBCOMP read',
  'Completed committed',
  'entry removed',
  'record deleted',
  'entry dead',
  'dead letter given',
] as const;

/** Those of a message that is received at QoS 2 and acknowledged when it has been processed. */
export const RECEIVING_STEPS = [
  'PUBLISH read',
  'message given',
  'AwaitPubrel committed',
  'PUBREC written',
  'PUBREL read',
  'inbound record deleted',
  'PUBCOMP written',
] as const;
/** Of a queue that is full and makes room. */
export const EVICTING_STEPS = ['eviction', 'evicted entry given', 'evicted entry removed'] as const;
export type Step = (typeof STEPS)[number] | (typeof RECEIVING_STEPS)[number] | (typeof EVICTING_STEPS)[number];

const SENT: Partial<Record<PacketType, Step>> = {
  publish: 'PUBLISH written',
  pubrel: 'PUBREL written',
  pubrec: 'PUBREC written',
  pubcomp: 'PUBCOMP written',
};
const RECEIVED: Partial<Record<PacketType, Step>> = {
  publish: 'PUBLISH read',
  puback: 'PUBACK read',
  pubrec: 'PUBREC read',
  pubrel: 'PUBREL read',
  pubcomp: 'PUBCOMP read',
};

/** Dies at the n-th time that its step is reached. */
export class Fate {
  readonly #step: string;
  #left: number;

  constructor(step: string, times: number) {
    this.#step = step;
    this.#left = times;
  }

  reached(step: Step): void {
    if (step !== this.#step) return;
    this.#left -= 1;
    if (this.#left <= 0) process.kill(process.pid, 'SIGKILL');
  }
}

export function fatefulStore(store: SessionStore, fate: Fate): SessionStore {
  const seen = new Map<string, number>();
  const tell = (operations: readonly SessionOperation[]): void => {
    for (const operation of operations) {
      const { key } = operation;
      if (operation.type === 'delete') {
        seen.delete(key);
        if (key.startsWith('c/')) fate.reached('record deleted');
        if (key.startsWith('i/')) fate.reached('inbound record deleted');
        continue;
      }
      const puts = (seen.get(key) ?? 0) + 1;
      seen.set(key, puts);
      if (key.startsWith('c/')) fate.reached('Completed committed');
      if (key.startsWith('i/')) fate.reached('AwaitPubrel committed');
      // The second record of an outbound exchange notes its PUBREC.
      if (key.startsWith('o/')) fate.reached(puts === 1 ? 'record committed' : 'AwaitPubcomp committed');
    }
  };
  return {
    load: () => store.load(),
    commit: (operations) => {
      const committed = store.commit(operations);
      if (committed === undefined) tell(operations);
      return committed?.then(() => tell(operations));
    },
    close: () => store.close(),
  };
}

export function fatefulQueue(queue: PublisherQueue, fate: Fate): PublisherQueue {
  return {
    id: queue.id,
    enqueue: async (entry, limit) => {
      const enqueued = await queue.enqueue(entry, limit);
      fate.reached('entry synced');
      if (enqueued.evicted.length > 0) fate.reached('eviction');
      return enqueued;
    },
    peek: (sequence, count) => queue.peek(sequence, count),
    markDead: async (sequence, reason) => {
      await queue.markDead(sequence, reason);
      fate.reached('entry dead');
    },
    remove: async (sequence) => {
      await queue.remove(sequence);
      fate.reached('entry removed');
      fate.reached('evicted entry removed');
    },
    get size() {
      return queue.size;
    },
    close: () => queue.close(),
  };
}

/** Looks at what goes over the connection, without touching it. */
export function fatefulDial(dial: Dial, fate: Fate): Dial {
  return async (broker, options) => {
    const connection = await dial(broker, options);
    const sent = new Decoder({ from: 'client' });
    const received = new Decoder({ from: 'server' });
    const tell = (decoder: Decoder, chunk: Uint8Array, steps: Partial<Record<PacketType, Step>>): void => {
      decoder.push(chunk.slice());
      for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) {
        const step = steps[packet.type];
        if (step !== undefined) fate.reached(step);
      }
    };
    const watched: Connection = {
      start: (handlers) =>
        connection.start({
          ...handlers,
          data: (chunk) => {
            tell(received, chunk, RECEIVED);
            handlers.data(chunk);
          },
          drain: () => handlers.drain(),
          close: (error) => handlers.close(error),
        }),
      write: (bytes, written) => {
        const copy = bytes.slice();
        return connection.write(bytes, () => {
          tell(sent, copy, SENT);
          written?.();
        });
      },
      pause: () => connection.pause?.(),
      resume: () => connection.resume?.(),
      end: () => connection.end(),
      destroy: () => connection.destroy(),
    };
    return watched;
  };
}
