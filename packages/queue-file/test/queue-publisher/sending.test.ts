// SPDX-License-Identifier: Apache-2.0
//
// How many messages are in flight, over which connection, and that each is one exchange.

import { describe, expect, test } from 'vitest';
import { Bench, expectPublishes, puback } from './bench.ts';

describe('the window', () => {
  test('holds as many in flight as it says, begun in queue order (T-239, Q-01)', async () => {
    const bench = new Bench({ options: { window: 2 } });
    for (const topic of ['a', 'b', 'c', 'd']) await bench.publish(topic);
    const connection = await bench.connect();
    const [a, b] = await expectPublishes(connection, 'a', 'b');
    await bench.client.publish('marker', '', { qos: 0 });
    expect((await connection.expect('publish')).topicName).toBe('marker');
    if (b) connection.send(puback(b));
    const [c] = await expectPublishes(connection, 'c');
    if (a) connection.send(puback(a));
    const [d] = await expectPublishes(connection, 'd');
    for (const packet of [c, d]) if (packet) connection.send(puback(packet));
    await bench.publisher.flush();
  });

  test('one exchange per message, however long the broker takes and however often the connection drops (T-242, Q-03)', async () => {
    const bench = new Bench();
    await bench.publish('a');
    const first = await bench.connect();
    const [before] = await expectPublishes(first, 'a');
    first.drop();
    const second = await bench.broker.accept();
    await second.handshake({ sessionPresent: true });
    const [after] = await expectPublishes(second, 'a');
    expect([after?.dup, after?.packetIdentifier]).toEqual([true, before?.packetIdentifier]);
    if (after) second.send(puback(after));
    await bench.publisher.flush();
    expect(second.received.filter(({ type }) => type === 'publish')).toHaveLength(1);
  });

  test('a session that is lost is published anew, once, with the same idempotency id (T-248)', async () => {
    const bench = new Bench({ options: { idempotencyKey: true } });
    await bench.publish('a', { id: 'mine' });
    const first = await bench.connect();
    await expectPublishes(first, 'a');
    first.drop();
    const second = await bench.broker.accept();
    await second.handshake({ sessionPresent: false });
    const [again] = await expectPublishes(second, 'a');
    expect([again?.dup, again?.properties?.userProperties]).toEqual([false, [['mqttv5-msg-id', 'mine']]]);
    if (again) second.send(puback(again));
    await bench.publisher.flush();
    expect(await bench.inQueue()).toEqual([]);
  });

  test('sessionLoss "fail" is no reason to lose a queued message: it is tried again', async () => {
    const bench = new Bench({ client: { sessionLoss: 'fail' } });
    await bench.publish('a');
    const first = await bench.connect();
    await expectPublishes(first, 'a');
    first.drop();
    const second = await bench.broker.accept();
    await second.handshake({ sessionPresent: false });
    const [again] = await expectPublishes(second, 'a');
    if (again) second.send(puback(again));
    await bench.publisher.flush();
  });
});

test('goes over the client’s own connection, never over its pool (Q-11)', async () => {
  const bench = new Bench({ client: { publisherPool: { size: 1 } } });
  const connection = await bench.connect();
  const pooled = await bench.broker.accept();
  await pooled.handshake();
  await bench.publish('a');
  const [a] = await expectPublishes(connection, 'a');
  if (a) connection.send(puback(a));
  await bench.publisher.flush();
  expect(pooled.received.map(({ type }) => type)).toEqual(['connect']);
});
