// SPDX-License-Identifier: Apache-2.0

import { ClientGroup, constantBackoff, MemorySessionStore } from '@mqttv5/core';
import type { Authenticator, Client, ClientOptions, Dial, Logger, SessionOperation } from '@mqttv5/core';
import { ScriptedBroker, type ScriptedConnection } from '@mqttv5/testing';
import { onTestFinished } from 'vitest';

/** A store whose disk can break. */
export class BreakableStore extends MemorySessionStore {
  broken = false;

  override commit(operations: readonly SessionOperation[]): void {
    if (this.broken) throw new Error('disk broken');
    super.commit(operations);
  }
}

/** One client, or group of one, its broker, and the ways in which they part. */
export interface World {
  readonly client: Client;
  readonly group: ClientGroup;
  readonly store: BreakableStore;
  /** The connection in force. */
  readonly connection: ScriptedConnection;
  /** Cut; the next connection resumes the session and answers everything. */
  drop(): Promise<void>;
  /** The second half of it. */
  accept(): Promise<void>;
  /** 0x8E: the client stops for good. */
  takeOver(): void;
  /** Cut, and there is no broker any more. */
  exhaust(): void;
  /** The next record cannot be written, and there is one to write. */
  breakStore(): void;
}

/** What comes on the next connection, for who waits for a message. */
const message = {
  type: 'publish',
  topicName: 'a/late',
  payload: new Uint8Array([1]),
  qos: 0,
  retain: false,
  dup: false,
} as const;

/** An authenticator whose exchanges the test answers. */
const authenticator: Authenticator = {
  method: 'TEST',
  begin: () => new Uint8Array([1]),
  continue: () => new Uint8Array([2]),
};

/** Connected, with one QoS 1 publish under way whose end is a record to delete. */
export async function connectedWorld(options: Partial<ClientOptions> = {}): Promise<World> {
  const broker = ScriptedBroker.inMemory();
  const store = new BreakableStore();
  let down = false;
  const dial: Dial = (url, dialOptions) =>
    down ? Promise.reject(new Error('no route to host')) : broker.dial(url, dialOptions);
  const group = new ClientGroup([
    {
      name: 'only',
      brokers: 'mqtt://scripted',
      options: {
        dial,
        clientId: 'settling',
        store,
        authenticator,
        reconnect: constantBackoff(1),
        maximumReconnectAttempts: 1,
        disconnectTimeoutMs: 20,
        writeHighWaterMark: 1024,
        logger: silent,
        ...options,
      },
    },
  ]);
  const client = group.member('only');
  if (client === undefined) throw new Error('a group has its members');
  onTestFinished(async () => {
    await group.disconnect();
    await broker.close();
  });
  const connecting = client.connect();
  const connection = await broker.accept();
  await connection.handshake({ properties: { authenticationMethod: 'TEST' } });
  await connecting;
  client.publish('open/publish', 'x', { qos: 1 }).catch(ignore); // ends with the world
  const { packetIdentifier } = await connection.expect('publish');
  const accept = async (): Promise<void> => {
    const next = await broker.accept();
    await next.handshake({ sessionPresent: true, properties: { authenticationMethod: 'TEST' } });
    void answerEverything(next);
    next.send({ ...message, packetIdentifier: 0 });
  };
  return {
    client,
    group,
    store,
    connection,
    accept,
    drop() {
      connection.drop();
      return accept();
    },
    takeOver: () => connection.send({ type: 'disconnect', reasonCode: 0x8e }),
    exhaust() {
      down = true;
      connection.drop();
    },
    breakStore() {
      store.broken = true;
      connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    },
  };
}

/** A broker that says yes to everything, until its connection ends. */
async function answerEverything(connection: ScriptedConnection): Promise<void> {
  const over = connection.closed.then(() => 'over' as const);
  for (let seen = 0; !connection.ended; ) {
    for (const packet of connection.received.slice(seen)) {
      seen += 1;
      if (packet.type === 'publish' && packet.qos === 1)
        connection.send({ type: 'puback', packetIdentifier: packet.packetIdentifier, reasonCode: 0 });
      if (packet.type === 'publish' && packet.qos === 2)
        connection.send({ type: 'pubrec', packetIdentifier: packet.packetIdentifier, reasonCode: 0 });
      if (packet.type === 'pubrel')
        connection.send({ type: 'pubcomp', packetIdentifier: packet.packetIdentifier, reasonCode: 0 });
      if (packet.type === 'subscribe') {
        const reasonCodes = packet.filters.map(({ qos }) => qos);
        connection.send({ type: 'suback', packetIdentifier: packet.packetIdentifier, reasonCodes });
      }
      if (packet.type === 'unsubscribe') {
        const reasonCodes = packet.topicFilters.map(() => 0);
        connection.send({ type: 'unsuback', packetIdentifier: packet.packetIdentifier, reasonCodes });
      }
    }
    await Promise.race([over, turn()]);
  }
}

export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function ignore(): void {}

export const silent: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
