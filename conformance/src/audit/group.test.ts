// SPDX-License-Identifier: Apache-2.0
//
// api.md, "Several brokers", sentence by sentence, over whole clients: ClientGroup.

import { ClientGroup } from '@mqttv5/core';
import { ScriptedBroker } from '@mqttv5/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { next } from '../lifecycle/setup.ts';
import { error, logger } from './setup.ts';

describe('ClientGroup', () => {
  async function group(count: number, options: ConstructorParameters<typeof ClientGroup>[1] = {}) {
    const brokers = Array.from({ length: count }, () => ScriptedBroker.inMemory());
    const made = new ClientGroup(
      brokers.map(({ dial }) => ({
        brokers: 'mqtt://x',
        options: { dial, reconnect: false, logger, disconnectTimeoutMs: 50, keepAlive: undefined },
      })),
      { ...options, shared: { keepAlive: 77, ...options.shared } },
    );
    onTestFinished(async () => {
      await made.disconnect();
      await Promise.all(brokers.map((broker) => broker.close()));
    });
    const connecting = made.connect();
    const connections = await Promise.all(brokers.map((broker) => broker.accept()));
    const connects = await Promise.all(connections.map((connection) => connection.handshake()));
    await connecting;
    return { group: made, connections, connects };
  }

  test('member options apply after `shared` and win; undefined means absent; names default to member-1 …', async () => {
    const { group: made, connects } = await group(2);
    expect(connects.map(({ keepAlive }) => keepAlive)).toEqual([77, 77]);
    expect(made.members.map(({ name }) => name)).toEqual(['member-1', 'member-2']);
    expect(made.member('member-2')).toBe(made.members[1]?.client);
    const member = { brokers: 'mqtt://x' };
    expect(
      () =>
        new ClientGroup([
          { ...member, name: 'a' },
          { ...member, name: 'a' },
        ]),
    ).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    expect(() => new ClientGroup([])).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    expect(() => new ClientGroup([member], { success: { quorum: 2 } })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
  });

  test('round robin sends once and moves on only when the chosen member could not send it at all', async () => {
    const { group: made, connections } = await group(2, { publishPolicy: 'roundRobin' });
    const [one, two] = connections;
    if (one === undefined || two === undefined) throw new Error('two connections');
    const first = error(made.publish('a', '1', { qos: 1 }));
    const packet = await one.expect('publish');
    one.send({ type: 'puback', packetIdentifier: packet.packetIdentifier, reasonCode: 0x97 });
    const reason = await first;
    expect(reason).toMatchObject({
      code: 'GROUP_FAILED',
      results: [{ member: 'member-1', error: { code: 'PUBLISH_REFUSED' } }],
    });
    expect(two.received).toHaveLength(1);
    const lost = made.member('member-2');
    two.drop();
    if (lost !== undefined) await next(lost, 'close');
    const moved = made.publish('a', '2', { qos: 1 });
    const second = await one.expect('publish');
    one.send({ type: 'puback', packetIdentifier: second.packetIdentifier, reasonCode: 0 });
    expect(await moved).toMatchObject([{ member: 'member-1', result: { reasonCode: 0 } }]);
  });

  test('broadcast: GroupError when fewer succeed than `success` asks for, with every result', async () => {
    const { group: made, connections } = await group(2, { success: 'any' });
    const answer = async (codes: readonly number[]): Promise<void> => {
      for (const [i, connection] of connections.entries()) {
        const { packetIdentifier } = await connection.expect('publish');
        connection.send({ type: 'puback', packetIdentifier, reasonCode: codes[i] ?? 0 });
      }
    };
    const fine = made.publish('a', '', { qos: 1 });
    await answer([0, 0x87]);
    expect(await fine).toMatchObject([
      { member: 'member-1', result: {} },
      { member: 'member-2', error: {} },
    ]);
    const bad = error(made.publish('a', '', { qos: 1 }));
    await answer([0x97, 0x87]);
    expect(await bad).toMatchObject({
      code: 'GROUP_FAILED',
      results: [{ error: { reasonCode: 0x97 } }, { error: { reasonCode: 0x87 } }],
    });
  });

  test('a group is used once', async () => {
    const { group: made } = await group(1);
    await made.disconnect();
    expect(await error(made.connect())).toMatchObject({ code: 'CLOSED' });
    expect(await error(made.publish('a', ''))).toMatchObject({ code: 'CLOSED' });
  });
});
