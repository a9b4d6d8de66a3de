// SPDX-License-Identifier: Apache-2.0
import { GroupError } from '@mqttv5/core';
import type { GroupOptions, GroupPublishResult } from '@mqttv5/core';
import { ScriptedBroker } from '@mqttv5/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectedGroup, makeGroup, NOBODY, type WatchedBroker, watchedBroker } from './setup.ts';

const published = ({ seen }: WatchedBroker): readonly string[] => seen.filter((each) => each.startsWith('publish'));
const members = (results: readonly GroupPublishResult[]): readonly string[] => results.map(({ member }) => member);

/** Members whose broker answers a PUBLISH with this code; undefined is an ordinary one. */
async function groupOf(codes: readonly (number | undefined)[], options: GroupOptions = {}) {
  const brokers = await Promise.all(
    codes.map((code) =>
      watchedBroker(code === undefined ? {} : { authorize: ({ action }) => (action === 'publish' ? code : true) }),
    ),
  );
  const group = makeGroup(
    brokers.map(({ url }) => ({ brokers: url })),
    options,
  );
  await group.connect();
  return { group, brokers };
}

describe('broadcast', () => {
  test('reaches every member and resolves with a result for each, in their order (S-096, V-120, T-265)', async () => {
    const { group, brokers } = await connectedGroup(3);
    const results = await group.publish('a', 'x', { qos: 1 });
    expect(results).toEqual(
      ['member-1', 'member-2', 'member-3'].map((member) => ({
        member,
        result: expect.objectContaining({ reasonCode: 0x10 }),
      })),
    );
    for (const broker of brokers) expect(published(broker)).toEqual(['publish a']);
  });

  test('under "all", the default, one refusal fails it, with the results of all (V-121, T-268)', async () => {
    const { group } = await groupOf([undefined, 0x97]);
    const error: unknown = await group.publish('a', 'x', { qos: 1 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(GroupError);
    expect(error).toMatchObject({
      code: 'GROUP_FAILED',
      results: [
        { member: 'member-1', result: { reasonCode: 0x10 } },
        { member: 'member-2', error: { code: 'PUBLISH_REFUSED', reasonCode: 0x97, delivery: 'refused' } },
      ],
    });
  });

  test('under "any" one success is enough, and the failure is in the results (V-121, T-269)', async () => {
    const { group } = await groupOf([0x97, undefined, 0x97], { success: 'any' });
    const results = await group.publish('a', 'x', { qos: 1 });
    expect(results.map(({ error }) => error?.code)).toEqual(['PUBLISH_REFUSED', undefined, 'PUBLISH_REFUSED']);
  });

  test('under "any" no success at all fails it', async () => {
    const { group } = await groupOf([0x97, 0x87], { success: 'any' });
    await expect(group.publish('a', 'x', { qos: 1 })).rejects.toMatchObject({
      code: 'GROUP_FAILED',
      results: [{ error: { reasonCode: 0x97 } }, { error: { reasonCode: 0x87 } }],
    });
  });

  test.each([
    [[undefined, undefined, 0x97], true],
    [[undefined, 0x97, 0x97], false],
  ] as const)('a quorum of two over %o holds: %s (V-121)', async (codes, holds) => {
    const { group } = await groupOf(codes, { success: { quorum: 2 } });
    const outcome = await group.publish('a', 'x', { qos: 2 }).then(
      () => true,
      (error: unknown) => !(error instanceof GroupError),
    );
    expect(outcome).toBe(holds);
  });

  test('a member that is not connected fails at QoS 0, and shows in the results (S-103)', async () => {
    const { group, brokers } = await connectedGroup(2, { success: 'any' });
    await brokers[0]?.broker.close();
    await expect.poll(() => group.members[0]?.client.connected).toBe(false);
    const results = await group.publish('a', 'x');
    expect(results).toMatchObject([
      { error: { code: 'NOT_CONNECTED', delivery: 'notSent' } },
      { result: { reasonCode: 0 } },
    ]);
  });

  test("the caller's signal ends it with its own reason", async () => {
    const { group, brokers } = await connectedGroup(2);
    await brokers[0]?.broker.close();
    await expect.poll(() => group.members[0]?.client.connected).toBe(false);
    const controller = new AbortController();
    const publishing = group.publish('a', 'x', { qos: 1, signal: controller.signal });
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(publishing).rejects.toBe(reason);
  });

  test.each([
    ['a/+', {}, 'INVALID_TOPIC'],
    ['a', { qos: 3 as 0 }, 'INVALID_OPTION'],
  ] as const)('a wrong argument (%s, %o) is %s and nobody is asked', async (topic, options, code) => {
    const { group, brokers } = await connectedGroup(2);
    await expect(group.publish(topic, 'x', options)).rejects.toMatchObject({ code });
    for (const broker of brokers) expect(published(broker)).toEqual([]);
  });
});

describe.each(['roundRobin', 'hashByTopic'] as const)('%s', (publishPolicy) => {
  test('sends each message once, and the result names the member (V-120)', async () => {
    const { group, brokers } = await connectedGroup(3, { publishPolicy });
    const results = await group.publish('a', 'x', { qos: 1 });
    expect(results).toHaveLength(1);
    expect(brokers.flatMap(published)).toEqual(['publish a']);
  });

  test('a message that was refused is not sent to a second member (V-122, T-270)', async () => {
    const { group, brokers } = await groupOf([0x97, 0x97], { publishPolicy });
    await expect(group.publish('a', 'x', { qos: 1 })).rejects.toMatchObject({
      code: 'GROUP_FAILED',
      results: [{ error: { code: 'PUBLISH_REFUSED' } }],
    });
    expect(brokers.flatMap(published)).toEqual(['publish a']);
  });

  test('a message whose fate is unknown is not sent to a second member (V-122)', async () => {
    const scripted = [await ScriptedBroker.listen(), await ScriptedBroker.listen()];
    for (const broker of scripted) onTestFinished(() => broker.close());
    const group = makeGroup(
      scripted.map(({ url }) => ({ brokers: url })),
      { publishPolicy, shared: { reconnect: false } },
    );
    const connecting = group.connect();
    const connections = await Promise.all(scripted.map((broker) => broker.accept()));
    for (const connection of connections) {
      await connection.expect('connect');
      connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0 });
    }
    await connecting;
    for (const { client } of group.members) client.on('close', () => undefined);
    const publishing = group.publish('a', 'x', { qos: 1 });
    const outcome = publishing.catch((error: unknown) => error);
    const chosen = await Promise.any(
      connections.map(async (connection) => {
        await connection.expect('publish');
        return connection;
      }),
    );
    chosen.drop();
    expect(await outcome).toMatchObject({ code: 'GROUP_FAILED', results: [{ error: { delivery: 'pending' } }] });
    const others = connections.filter((connection) => connection !== chosen);
    expect(others.flatMap(({ received }) => received.map(({ type }) => type))).toEqual(['connect']);
  });

  test('goes on to the next member when the chosen one cannot send it at all (V-122)', async () => {
    const { group, brokers } = await connectedGroup(2, { publishPolicy });
    await brokers[0]?.broker.close();
    await expect.poll(() => group.members[0]?.client.connected).toBe(false);
    for (const topic of ['a', 'b', 'c', 'd']) {
      expect(members(await group.publish(topic, 'x'))).toEqual(['member-2']);
    }
  });

  test('what no member could send fails with a result for each', async () => {
    const { group, brokers } = await connectedGroup(2, { publishPolicy });
    for (const { broker } of brokers) await broker.close();
    await expect.poll(() => group.members.some(({ client }) => client.connected)).toBe(false);
    await expect(group.publish('a', 'x')).rejects.toMatchObject({
      code: 'GROUP_FAILED',
      results: [{ error: { code: 'NOT_CONNECTED' } }, { error: { code: 'NOT_CONNECTED' } }],
    });
  });

  test('the bytes are those of the call, also when a second member sends them', async () => {
    const two = await watchedBroker();
    const group = makeGroup([{ brokers: two.url, options: { maximumQueuedPublishes: 1 } }, { brokers: two.url }], {
      publishPolicy,
    });
    await group.connect();
    const received = await group.members[0]?.client.subscribe('#', { qos: 1 });
    const payload = Uint8Array.of(1);
    // Whichever member is due, of several at once the first member has room for one.
    const all = ['a', 'b', 'c', 'd'].map((topic) => group.publish(topic, payload, { qos: 1 }));
    payload[0] = 2;
    await Promise.all(all);
    for (const _ of all) expect((await received?.receive())?.payload).toEqual(Uint8Array.of(1));
  });
});

test('round robin takes the members in turn (S-097, T-266)', async () => {
  const { group } = await connectedGroup(3, { publishPolicy: 'roundRobin' });
  const chosen: string[] = [];
  for (let round = 0; round < 6; round += 1) chosen.push(...members(await group.publish('a', 'x')));
  expect(chosen).toEqual(['member-1', 'member-2', 'member-3', 'member-1', 'member-2', 'member-3']);
});

test('the hash is FNV-1a of the topic in UTF-8: the same topic, the same member (S-098, T-267)', async () => {
  const { group } = await connectedGroup(3, { publishPolicy: 'hashByTopic' });
  // Published test vectors, and a topic whose UTF-8 is longer than its UTF-16.
  const hashes = new Map([
    ['a', 0xe40c292c],
    ['foobar', 0xbf9cf968],
    ['é', 0x1e9de8c1],
  ]);
  for (const [topic, hash] of hashes) {
    for (let again = 0; again < 3; again += 1) {
      expect(members(await group.publish(topic, 'x'))).toEqual([`member-${(hash % 3) + 1}`]);
    }
  }
});

test('a group of nobody reachable can still be made and closed', async () => {
  const group = makeGroup([{ brokers: NOBODY }]);
  await expect(group.publish('a', 'x')).rejects.toMatchObject({ code: 'GROUP_FAILED' });
  await group.disconnect();
});
