// SPDX-License-Identifier: Apache-2.0
import { ClientGroup } from '@mqttv5/core';
import { ScriptedBroker } from '@mqttv5/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectedGroup, makeGroup, NOBODY, watchedBroker } from './setup.ts';

describe('the members of a group', () => {
  test('are named member-1, member-2, … unless they have a name (S-094, V-125)', () => {
    const group = makeGroup([{ brokers: NOBODY }, { brokers: NOBODY, name: 'plant' }, { brokers: NOBODY }]);
    expect(group.members.map(({ name }) => name)).toEqual(['member-1', 'plant', 'member-3']);
  });

  test('are found by their name (S-102, T-261)', () => {
    const group = makeGroup([{ brokers: NOBODY }, { brokers: NOBODY, name: 'plant' }]);
    expect(group.member('plant')).toBe(group.members[1]?.client);
    expect(group.member('member-2')).toBeUndefined();
  });

  test.each([
    ['no member at all (S-104, T-260)', [], 'member'],
    [
      'a name twice (S-104, T-259)',
      [
        { brokers: NOBODY, name: 'a' },
        { brokers: NOBODY, name: 'a' },
      ],
      '"a"',
    ],
    ['a name that is another default', [{ brokers: NOBODY, name: 'member-2' }, { brokers: NOBODY }], '"member-2"'],
    ['an option that is none', [{ brokers: NOBODY, option: {} } as { brokers: string }], 'option'],
    ['a bad option of one member', [{ brokers: NOBODY, options: { keepAlive: 0 } }], 'keepAlive'],
  ])('%s is refused with its name', (_, members, name) => {
    expect(() => new ClientGroup(members)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(name) }),
    );
  });

  test.each([
    { publishPolicy: 'random' as 'broadcast' },
    { success: { quorum: 3 } },
    { success: { quorum: 0 } },
    { sucess: 'any' } as object,
  ])('the group option %o is refused', (options) => {
    expect(() => new ClientGroup([{ brokers: NOBODY }, { brokers: NOBODY }], options)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
  });

  test('a member without a broker is refused', () => {
    expect(() => new ClientGroup([{ brokers: [] }])).toThrow(expect.objectContaining({ code: 'MISSING_BROKER' }));
  });

  test('have their own options over the shared ones, on the wire (S-094, S-095, T-257)', async () => {
    const names: string[] = [];
    const authenticate = ({ username, clientId }: { username: string | undefined; clientId: string }): boolean => {
      names.push(`${username} ${clientId}`);
      return true;
    };
    const [one, two] = [await watchedBroker({ authenticate }), await watchedBroker({ authenticate })];
    const group = makeGroup(
      [
        { brokers: one.url, options: { clientId: 'one' } },
        { brokers: two.url, options: { clientId: 'two', username: 'own', password: 'p' } },
      ],
      { shared: { username: 'shared', password: 'p' } },
    );
    await group.connect();
    expect(names.toSorted()).toEqual(['own two', 'shared one']);
  });

  test('each raise their own events (T-262)', async () => {
    const [one, two] = [await watchedBroker(), await watchedBroker()];
    const group = makeGroup([{ brokers: one.url }, { brokers: two.url }]);
    const heard: string[] = [];
    for (const { name, client } of group.members) client.on('stateChange', (state) => heard.push(`${name} ${state}`));
    await group.connect();
    await group.disconnect();
    const states = ['connecting', 'connected', 'closing', 'closed'];
    await expect.poll(() => heard.length).toBe(8);
    for (const { name } of group.members) {
      expect(heard.filter((each) => each.startsWith(name))).toEqual(states.map((state) => `${name} ${state}`));
    }
  });

  test('fail over inside a member, and never between members (S-093, S-103)', async () => {
    const [spare, other] = [await watchedBroker(), await watchedBroker()];
    const group = makeGroup([{ brokers: [NOBODY, spare.url] }, { brokers: other.url }]);
    await group.connect();
    expect(group.members.map(({ client }) => client.serverInfo?.broker.port)).toEqual([
      new URL(spare.url).port,
      new URL(other.url).port,
    ]);
    await spare.broker.close();
    await expect.poll(() => group.members[0]?.client.state).toBe('reconnecting');
    expect(other.broker.clients).toHaveLength(1);
    expect(group.members[1]?.client.connected).toBe(true);
  });
});

describe('connecting a group', () => {
  test('starts with every member at the same time (T-263)', async () => {
    const brokers = [await ScriptedBroker.listen(), await ScriptedBroker.listen()];
    for (const broker of brokers) onTestFinished(() => broker.close());
    const group = makeGroup(brokers.map(({ url }) => ({ brokers: url })));
    const connecting = group.connect();
    // Nobody is answered before both have asked.
    const connections = await Promise.all(brokers.map((broker) => broker.accept()));
    for (const connection of connections) await connection.expect('connect');
    for (const connection of connections) connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0 });
    await connecting;
    expect(group.members.every(({ client }) => client.connected)).toBe(true);
  });

  test('one after the other with sequentialLifecycle, and disconnecting too (S-101)', async () => {
    const order: string[] = [];
    const watched = async (name: string) =>
      watchedBroker({
        intercept: (direction, { type }) => {
          if (type === 'connect' || type === 'connack' || type === 'disconnect')
            order.push(`${name} ${direction} ${type}`);
        },
      });
    const [one, two] = [await watched('one'), await watched('two')];
    const group = makeGroup([{ brokers: one.url }, { brokers: two.url }], { sequentialLifecycle: true });
    await group.connect();
    await group.disconnect();
    await expect.poll(() => order.length).toBe(6);
    expect(order).toEqual([
      'one in connect',
      'one out connack',
      'two in connect',
      'two out connack',
      'one in disconnect',
      'two in disconnect',
    ]);
  });

  test('with one member that cannot be reached fails with its error, and undoes the others (T-264)', async () => {
    const { url, broker } = await watchedBroker();
    const group = makeGroup([{ brokers: url }, { brokers: NOBODY }]);
    await expect(group.connect()).rejects.toMatchObject({ code: 'DIAL_FAILED' });
    await expect.poll(() => broker.clients.filter(({ connected }) => connected)).toEqual([]);
    expect(group.members.map(({ client }) => client.connected)).toEqual([false, false]);
  });

  test('begins no other with sequentialLifecycle once one has failed (S-101)', async () => {
    const good = await watchedBroker();
    const group = makeGroup([{ brokers: NOBODY }, { brokers: good.url }], { sequentialLifecycle: true });
    await expect(group.connect()).rejects.toMatchObject({ code: 'DIAL_FAILED' });
    expect(good.seen).toEqual([]);
  });

  test('fails with the errors of all brokers that failed', async () => {
    const group = makeGroup([{ brokers: [NOBODY, NOBODY] }, { brokers: NOBODY }]);
    await expect(group.connect()).rejects.toMatchObject({
      code: 'DIAL_FAILED',
      errors: [{ code: 'DIAL_FAILED' }, { code: 'DIAL_FAILED' }, { code: 'DIAL_FAILED' }],
    });
  });

  test('can be tried again after it failed', async () => {
    const [one, two] = [await watchedBroker(), await watchedBroker()];
    const group = makeGroup([{ brokers: one.url }, { brokers: NOBODY }]);
    await expect(group.connect()).rejects.toMatchObject({ code: 'DIAL_FAILED' });
    group.members[1]?.client.setBrokers(two.url);
    await group.connect();
    expect(group.members.every(({ client }) => client.connected)).toBe(true);
  });

  test('does not wait for a member that retries for ever once another has failed', async () => {
    const { url } = await watchedBroker({ authenticate: () => false });
    const group = makeGroup([{ brokers: url }, { brokers: NOBODY, options: { retryInitialConnect: true } }]);
    await expect(group.connect()).rejects.toMatchObject({ code: 'CONNECT_REFUSED' });
    expect(group.members[1]?.client.state).toBe('idle');
  });

  test('ends with the reason of its signal, and undoes what had succeeded', async () => {
    const { url, broker } = await watchedBroker();
    const silent = await ScriptedBroker.listen();
    onTestFinished(() => silent.close());
    const group = makeGroup([{ brokers: url }, { brokers: silent.url }]);
    const controller = new AbortController();
    const connecting = group.connect({ signal: controller.signal });
    await (await silent.accept()).expect('connect');
    await expect.poll(() => group.members[0]?.client.connected).toBe(true);
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(connecting).rejects.toBe(reason);
    await expect.poll(() => broker.clients.filter(({ connected }) => connected)).toEqual([]);
  });

  test('ends when the group is disconnected, and the members that are not begun are left alone', async () => {
    const silent = await ScriptedBroker.listen();
    onTestFinished(() => silent.close());
    const { url, seen } = await watchedBroker();
    const group = makeGroup([{ brokers: silent.url }, { brokers: url }], { sequentialLifecycle: true });
    const connecting = group.connect();
    const outcome = connecting.catch((error: unknown) => error);
    await (await silent.accept()).expect('connect');
    await group.disconnect();
    expect(await outcome).toMatchObject({ code: 'CLOSED' });
    expect(seen).toEqual([]);
  });
});

describe('a disconnected group', () => {
  test('is used once: whatever is asked of it, the answer is CLOSED (V-124)', async () => {
    const { group } = await connectedGroup(2);
    await group.disconnect();
    const closed = { code: 'CLOSED' };
    await expect(group.connect()).rejects.toMatchObject(closed);
    await expect(group.publish('a', '')).rejects.toMatchObject(closed);
    await expect(group.subscribe('a')).rejects.toMatchObject(closed);
    await expect(group.subscribeCallback('a', () => undefined)).rejects.toMatchObject(closed);
    expect(() => group.declare('a')).toThrow(expect.objectContaining(closed));
    await group.disconnect();
  });

  test.for([{ unknown: 1 } as object, { reasonCode: 0x01 }, { signal: AbortSignal.abort(new Error('enough')) }])(
    'is none after disconnect(%j): nothing has happened then',
    async (options) => {
      const { url } = await watchedBroker();
      const group = makeGroup([{ brokers: url }]);
      await group.connect();
      await expect(group.disconnect(options)).rejects.toThrow();
      expect(group.members.map(({ client }) => client.state)).toEqual(['connected']);
      await group.publish('a', 'x', { qos: 1 });
    },
  );

  test('has disconnected every member, also when one refuses the options', async () => {
    const [one, two] = [await watchedBroker(), await watchedBroker()];
    const group = makeGroup([
      { brokers: one.url, options: { sessionExpiryInterval: 0 } },
      { brokers: two.url, options: { sessionExpiryInterval: 60 } },
    ]);
    await group.connect();
    // §3.14.2.2.2: what was 0 in CONNECT cannot become anything else.
    await expect(group.disconnect({ sessionExpiryInterval: 30 })).rejects.toMatchObject({
      code: 'INVALID_SESSION_EXPIRY',
    });
    expect(group.members.map(({ client }) => client.state)).toEqual(['connected', 'closed']);
    await group.disconnect();
    expect(group.members.map(({ client }) => client.state)).toEqual(['closed', 'closed']);
  });
});
