// SPDX-License-Identifier: Apache-2.0
//
// Every method that returns a promise, brought to the point where it waits, and what it has to end with.

import type { PubSub, SubscribeOptions, Subscription } from '@mqttv5/core';
import { turn, type World } from './world.ts';

/** The ways in which a wait ends. */
export type End =
  /** The connection is lost, the session resumed, everything answered, and a message comes. */
  | 'drop'
  /** The broker says nothing and the caller gives up. */
  | 'signal'
  /** The application closes the client. */
  | 'disconnect'
  /** The client fails: 0x8E, no broker any more, a broken store. */
  | 'takenOver'
  | 'exhausted'
  | 'storeFailed';

/** Code of the rejection and, of a publish, its `delivery`; "reason" is that of the signal; else how it resolves. */
export type Endings = Readonly<Record<End, string>>;

export interface Operation {
  readonly name: string;
  /** Calls it, and resolves to its promise when the operation waits for the broker. */
  begin(world: World, signal: AbortSignal | undefined, end: End): Promise<Waiting>;
  readonly endings: Endings;
}

/** In an object, or it would be awaited. */
interface Waiting {
  readonly promise: Promise<unknown>;
}

/** What waits for an answer that the next connection brings. */
const answered = (resolved: string): Endings => ({
  drop: resolved,
  signal: 'reason',
  disconnect: 'CLOSED',
  takenOver: 'SESSION_TAKEN_OVER',
  exhausted: 'DIAL_FAILED',
  storeFailed: 'STORE_FAILED',
});

const publishEndings: Endings = {
  drop: 'acknowledged',
  signal: 'reason',
  // Accepted: the session keeps the message, only the wait ends.
  disconnect: 'CLOSED pending',
  takenOver: 'CLOSED pending',
  exhausted: 'CLOSED pending',
  storeFailed: 'STORE_FAILED unknown',
};

/** What only the connection of now can answer. */
const connectionBound: Endings = {
  drop: 'CONNECTION_LOST',
  signal: 'reason',
  disconnect: 'CLOSED',
  takenOver: 'CONNECTION_LOST',
  exhausted: 'CONNECTION_LOST',
  storeFailed: 'CONNECTION_LOST',
};

/** The subscription is gone, whatever becomes of the UNSUBSCRIBE; that belongs to the session. */
const unsubscribeEndings: Endings = {
  drop: 'done',
  signal: 'reason',
  disconnect: 'CLOSED',
  takenOver: 'CLOSED',
  exhausted: 'CLOSED',
  storeFailed: 'CLOSED',
};

/** A reader ends normally with the client, and with the error of a client that failed. */
const readerEndings: Endings = { ...answered('message'), disconnect: 'end' };

export const operations: readonly Operation[] = [
  {
    name: 'Client.publish at QoS 0 that waits for room',
    async begin({ client, connection }, signal) {
      connection.stall();
      await client.publish('fills/the/buffer', new Uint8Array(2_000));
      return waiting(client.publish('a', 'x', { signal }));
    },
    endings: {
      drop: 'NOT_CONNECTED notSent',
      signal: 'reason',
      disconnect: 'NOT_CONNECTED notSent',
      takenOver: 'NOT_CONNECTED notSent',
      exhausted: 'NOT_CONNECTED notSent',
      storeFailed: 'NOT_CONNECTED notSent',
    },
  },
  ...([1, 2] as const).map((qos) => ({
    name: `Client.publish at QoS ${qos}`,
    begin: ({ client, connection }: World, signal: AbortSignal | undefined) =>
      waiting(client.publish('a', 'x', { qos, signal }), connection.expect('publish')),
    endings: publishEndings,
  })),
  {
    name: 'Client.publish at QoS 2 behind PUBREC',
    async begin({ client, connection }, signal) {
      const promise = client.publish('a', 'x', { qos: 2, signal });
      const { packetIdentifier } = await connection.expect('publish');
      connection.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
      return waiting(promise, connection.expect('pubrel'));
    },
    endings: publishEndings,
  },
  ...pubSubOperations('Client', ({ client }) => client),
  {
    name: 'Client.request that waits for its response',
    async begin({ client, connection }, signal, end) {
      const timeoutMs = end === 'drop' ? 20 : false;
      const promise = client.request('ask', 'x', { signal, timeoutMs });
      const { packetIdentifier } = await connection.expect('subscribe');
      connection.send({ type: 'suback', packetIdentifier, reasonCodes: [0] });
      return waiting(promise, connection.expect('publish'));
    },
    endings: {
      // A response at QoS 0 may have been lost with the connection.
      ...answered('REQUEST_TIMEOUT'),
      takenOver: 'CLOSED',
      exhausted: 'CLOSED',
      storeFailed: 'CLOSED',
    },
  },
  {
    name: 'Client.request that waits for its subscription',
    begin: ({ client, connection }, signal, end) =>
      waiting(
        client.request('ask', 'x', { signal, timeoutMs: end === 'drop' ? 20 : false }),
        connection.expect('subscribe'),
      ),
    endings: answered('REQUEST_TIMEOUT'),
  },
  {
    name: 'Client.respond',
    begin: ({ client, connection }, signal) =>
      waiting(
        client.respond('a/#', () => 'y', { signal }),
        connection.expect('subscribe'),
      ),
    endings: answered('granted'),
  },
  {
    name: 'Client.ping',
    begin: ({ client, connection }, signal) => waiting(client.ping({ signal }), connection.expect('pingreq')),
    endings: connectionBound,
  },
  {
    name: 'Client.reauthenticate',
    begin: ({ client, connection }, signal) => waiting(client.reauthenticate({ signal }), connection.expect('auth')),
    // A DISCONNECT in the middle of it is how a server says no (§4.12.1).
    endings: { ...connectionBound, takenOver: 'REAUTH_REJECTED' },
  },
  {
    name: 'ClientGroup.publish',
    begin: ({ group, connection }, signal) =>
      waiting(group.publish('a', 'x', { qos: 1, signal }), connection.expect('publish')),
    endings: {
      drop: 'results',
      signal: 'reason',
      disconnect: 'GROUP_FAILED',
      takenOver: 'GROUP_FAILED',
      exhausted: 'GROUP_FAILED',
      storeFailed: 'GROUP_FAILED',
    },
  },
  ...pubSubOperations('ClientGroup', ({ group }) => group),
  {
    name: 'ClientGroup.unsubscribeAll',
    async begin(world, signal) {
      await granted(world, world.group);
      return waiting(world.group.unsubscribeAll({ signal }), world.connection.expect('unsubscribe'));
    },
    endings: unsubscribeEndings,
  },
];

function pubSubOperations(of: string, pick: (world: World) => PubSub<unknown>): readonly Operation[] {
  return [
    {
      name: `${of}.subscribe`,
      begin: (world, signal) => waiting(pick(world).subscribe('a/#', { signal }), world.connection.expect('subscribe')),
      endings: answered('granted'),
    },
    {
      name: `${of}.subscribeCallback`,
      begin: (world, signal) =>
        waiting(
          pick(world).subscribeCallback('a/#', () => undefined, { signal }),
          world.connection.expect('subscribe'),
        ),
      endings: answered('granted'),
    },
    {
      name: `${of}: ready() of a declared subscription`,
      begin: (world, signal) =>
        waiting(pick(world).declare('a/#').ready({ signal }), world.connection.expect('subscribe')),
      endings: answered('done'),
    },
    {
      name: `${of}: unsubscribe()`,
      async begin(world, signal) {
        const subscription = await granted(world, pick(world));
        return waiting(subscription.unsubscribe({ signal }), world.connection.expect('unsubscribe'));
      },
      endings: unsubscribeEndings,
    },
    {
      name: `${of}: dispose of a subscription`,
      async begin(world) {
        const subscription = await granted(world, pick(world));
        return waiting(subscription[Symbol.asyncDispose](), world.connection.expect('unsubscribe'));
      },
      endings: {
        drop: 'done',
        // It takes none.
        signal: 'still waiting',
        disconnect: 'done',
        takenOver: 'done',
        exhausted: 'done',
        storeFailed: 'done',
      },
    },
    {
      name: `${of}: receive()`,
      async begin(world, signal) {
        const subscription = await granted(world, pick(world));
        return waiting(subscription.receive({ signal }));
      },
      endings: { ...readerEndings, disconnect: 'done' },
    },
    {
      name: `${of}: a loop`,
      async begin(world) {
        const subscription = await granted(world, pick(world));
        return waiting(subscription[Symbol.asyncIterator]().next());
      },
      endings: { ...readerEndings, signal: 'still waiting' },
    },
    {
      name: `${of}: a loop over batches()`,
      async begin(world) {
        const subscription = await granted(world, pick(world));
        return waiting(subscription.batches()[Symbol.asyncIterator]().next());
      },
      endings: { ...readerEndings, signal: 'still waiting' },
    },
  ];
}

async function granted({ connection }: World, on: PubSub<unknown>, options?: SubscribeOptions): Promise<Subscription> {
  const subscribing = on.subscribe('a/#', options);
  const { packetIdentifier } = await connection.expect('subscribe');
  connection.send({ type: 'suback', packetIdentifier, reasonCodes: [0] });
  return subscribing;
}

/** Nobody misses its rejection: the test looks at it later. */
async function waiting(promised: PromiseLike<unknown>, reached: Promise<unknown> = turn()): Promise<Waiting> {
  const promise = Promise.resolve(promised);
  promise.catch(() => undefined);
  await reached;
  return { promise };
}
