// SPDX-License-Identifier: Apache-2.0

import { encode } from '@mqttv5/wire';
import type { Packet } from '@mqttv5/wire';
import { expect, test } from 'vitest';
import { Counters } from '../stats.ts';
import { settled } from '../virtual-clock.ts';
import { BUFFER_SIZE } from './buffer-pool.ts';
import { Outbox, PAYLOAD_BY_REFERENCE_FROM } from './outbox.ts';
import { MemoryConnection, publish } from './testing-transport.ts';

interface Setup {
  readonly outbox: Outbox;
  readonly connection: MemoryConnection;
  readonly counters: Counters;
  readonly log: string[];
}

function setUp(highWaterMark = 1024 * 1024): Setup {
  const connection = new MemoryConnection();
  const counters = new Counters();
  const log: string[] = [];
  const handlers = {
    room: () => void log.push('room'),
    writeFailed: (error: unknown) => void log.push(`failed ${String(error)}`),
    acknowledgementsOverflow: (bytes: number) => void log.push(`overflow ${bytes}`),
    handedOver: () => undefined,
  };
  return { outbox: new Outbox(connection, handlers, counters, highWaterMark), connection, counters, log };
}

const puback = (packetIdentifier: number): Packet => ({ type: 'puback', packetIdentifier, reasonCode: 0 });

test('packets of one turn leave in one write, acknowledgements and publishes in their order (T-127)', async () => {
  const { outbox, connection, counters } = setUp();
  const sent = [publish('a', 10), puback(1), publish('b', 20), puback(2)];
  for (const packet of sent) expect(outbox.send(packet)).toBe(true);
  expect(connection.writes).toEqual([]);
  await settled();
  expect(connection.writes).toHaveLength(1);
  expect(connection.packets).toEqual(sent);
  expect(counters.packetsSent).toBe(4);
  expect(counters.bytesSent).toBe(connection.writes[0]?.length);
});

test('a loop that awaits between its packets still gets them into one write', async () => {
  const { outbox, connection } = setUp();
  for (let i = 0; i < 100; i++) {
    outbox.send(publish('a', 10));
    await Promise.resolve();
    await Promise.resolve();
  }
  await settled();
  expect(connection.packets).toHaveLength(100);
  expect(connection.writes).toHaveLength(1);
});

test('a full buffer leaves at once, whole packets each', () => {
  const { outbox, connection } = setUp();
  for (let i = 0; i < 10; i++) outbox.send(publish('a', 10_000));
  expect(connection.packets).toHaveLength(6);
  expect(connection.writes[0]?.length).toBeLessThanOrEqual(BUFFER_SIZE);
});

test('every size around the limits of a buffer arrives as it was, in order', async () => {
  const sizes = [
    0,
    1,
    BUFFER_SIZE - 70,
    BUFFER_SIZE - 7,
    BUFFER_SIZE - 5,
    BUFFER_SIZE - 1,
    BUFFER_SIZE,
    2 * BUFFER_SIZE + 1,
  ];
  const { outbox, connection } = setUp(64 * BUFFER_SIZE);
  const sent = sizes.flatMap((size, index) => [
    publish(`t/${index}`, new Uint8Array(size).fill(index + 1)),
    puback(index + 1),
  ]);
  for (const packet of sent) outbox.send(packet);
  await settled();
  expect(connection.packets.map(summary)).toEqual(sent.map(summary));
});

test('a large packet that is not a payload is written whole', async () => {
  const { outbox, connection } = setUp();
  const filters = Array.from({ length: 2000 }, (_, index) => ({
    topicFilter: `${'long/'.repeat(10)}${index}`,
    qos: 0 as const,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0 as const,
  }));
  const userProperties = Array.from({ length: 3000 }, (_, index): [string, string] => [
    `name-${index}`,
    'value'.repeat(4),
  ]);
  const sent: Packet[] = [
    { type: 'subscribe', packetIdentifier: 1, filters },
    { ...publish('a', 10), properties: { userProperties } } as Packet,
    { ...publish('b', PAYLOAD_BY_REFERENCE_FROM), properties: { userProperties } } as Packet,
    puback(7),
  ];
  for (const packet of sent) outbox.send(packet);
  await settled();
  expect(connection.packets).toEqual(sent);
  expect(outbox.unsentBytes).toBe(0);
});

test('a large payload is not copied (T-128)', async () => {
  const { outbox, connection } = setUp();
  const payload = new Uint8Array(PAYLOAD_BY_REFERENCE_FROM).fill(7);
  outbox.send(publish('a', payload));
  await settled();
  expect(connection.views.some((view) => view.buffer === payload.buffer)).toBe(true);
  expect(connection.packets).toEqual([publish('a', payload)]);
});

test('a small payload may change after send()', async () => {
  const { outbox, connection } = setUp();
  const payload = Uint8Array.of(1, 2, 3);
  outbox.send(publish('a', payload));
  payload.fill(9);
  await settled();
  expect(connection.packets).toMatchObject([{ payload: Uint8Array.of(1, 2, 3) }]);
});

test('what may not be sent throws and leaves the stream whole', async () => {
  const { outbox, connection } = setUp();
  outbox.send(publish('a'));
  expect(() => outbox.send(publish('a/#'))).toThrow(/./);
  expect(() => outbox.send({ type: 'puback', packetIdentifier: 0, reasonCode: 0 })).toThrow(/./);
  outbox.send(publish('b'));
  await settled();
  expect(connection.packets).toEqual([publish('a'), publish('b')]);
});

test('send() is false from the mark on; room is told once, when writes have brought it below', async () => {
  const { outbox, connection, log } = setUp(1000);
  connection.stalled = true;
  expect(outbox.send(publish('a', 900))).toBe(true);
  expect(outbox.hasRoom).toBe(true);
  expect(outbox.send(publish('a', 900))).toBe(false);
  expect(outbox.hasRoom).toBe(false);
  await settled();
  expect(log).toEqual([]);
  connection.drain();
  expect(log).toEqual(['room']);
  expect(outbox.unsentBytes).toBe(0);
  outbox.send(publish('a'));
  connection.drain();
  expect(log).toEqual(['room']);
});

test('a stalled connection is given little: what comes later shares buffers', async () => {
  const { outbox, connection } = setUp();
  connection.stalled = true;
  for (let turn = 0; turn < 200; turn++) {
    outbox.send(publish('a', 100));
    await settled();
  }
  expect(connection.writes.length).toBeLessThanOrEqual(16);
  connection.stalled = false;
  connection.drain();
  await settled();
  expect(connection.packets).toHaveLength(200);
  expect(connection.writes.length).toBeLessThanOrEqual(18);
});

test('32 MiB to a stalled peer: slices wait their turn, and leave in order when it reads (T-130)', async () => {
  const { outbox, connection } = setUp();
  connection.stalled = true;
  const payload = new Uint8Array(32 * 1024 * 1024);
  payload[payload.length - 1] = 1;
  expect(outbox.send(publish('large', payload))).toBe(false);
  expect(outbox.send(puback(1))).toBe(false);
  await settled();
  expect(connection.writes.reduce((sum, write) => sum + write.length, 0)).toBeLessThan(300 * 1024);
  connection.stalled = false;
  connection.drain();
  for (let i = 0; i < 300 && outbox.unsentBytes > 0; i++) await settled();
  expect(connection.packets.map(summary)).toEqual([publish('large', payload), puback(1)].map(summary));
});

/** Sends acknowledgements for `turns` turns of the loop, 1000 bytes each. */
async function acknowledge(outbox: Outbox, turns: number, eachTurn: () => void = () => undefined): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    for (let i = 1; i <= 250; i++) outbox.send(puback(i));
    eachTurn();
    await settled();
  }
}

test('a stalled peer that makes us acknowledge beyond the mark is given up', async () => {
  const { outbox, connection, log } = setUp(200_000);
  connection.stalled = true;
  await acknowledge(outbox, 199);
  expect(log).toEqual([]);
  await acknowledge(outbox, 2);
  expect(log).toEqual(['overflow 201000']);
});

test('a peer that takes something every turn, and too little, may leave twice as much', async () => {
  const { outbox, connection, log } = setUp(200_000);
  connection.stalled = true;
  const overflow = (): string | undefined => log.find((entry) => entry.startsWith('overflow'));
  for (let turn = 0; turn < 100 && overflow() === undefined; turn++) {
    for (let i = 1; i <= 20_000; i++) outbox.send(puback(i));
    connection.drain(1);
    await settled();
  }
  const bytes = Number(overflow()?.split(' ')[1]);
  expect(bytes).toBeGreaterThan(400_000);
  expect(bytes).toBeLessThan(700_000);
});

test('a burst within one turn is no sign of anything, nor are written acknowledgements', async () => {
  const { outbox, log } = setUp(1000);
  for (let i = 1; i <= 60_000; i++) outbox.send(puback(i));
  await settled();
  await acknowledge(outbox, 50);
  await settled();
  expect(log.filter((entry) => entry !== 'room')).toEqual([]);
  expect(outbox.unsentBytes).toBe(0);
});

test("SUBSCRIBEs of any size are the application's doing and no overflow", async () => {
  const { outbox, connection, log } = setUp(1000);
  connection.stalled = true;
  const filter = {
    topicFilter: 'f'.repeat(1000),
    qos: 0,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
  } as const;
  for (let i = 1; i <= 300; i++) {
    outbox.send({ type: 'subscribe', packetIdentifier: i, filters: [filter] });
    if (i % 50 === 0) await settled();
  }
  expect(log).toEqual([]);
});

test('flushed() calls back when all that was sent before it is written, never at once', async () => {
  const { outbox, connection } = setUp();
  const log: string[] = [];
  outbox.flushed(() => log.push('nothing'));
  expect(log).toEqual([]);
  await settled();
  connection.stalled = true;
  outbox.send(publish('a'));
  outbox.flushed(() => log.push('first'));
  await settled();
  outbox.send(publish('b'));
  outbox.flushed((error) => log.push(`second ${error?.code}`));
  await settled();
  connection.drain(1);
  expect(log).toEqual(['nothing', 'first']);
  connection.drain(1);
  expect(log).toEqual(['nothing', 'first', 'second undefined']);
});

test('close() answers every waiting flushed() with its error, and takes nothing more (T-129, T-131, T-132)', async () => {
  const { outbox, connection } = setUp();
  connection.stalled = true;
  const codes: (string | undefined)[] = [];
  outbox.send(publish('a'));
  outbox.flushed((error) => codes.push(error?.code));
  outbox.flushed((error) => codes.push(error?.code));
  const { connectionLost } = await import('./connection-errors.ts');
  outbox.close(connectionLost());
  expect(codes).toEqual(['CONNECTION_LOST', 'CONNECTION_LOST']);
  expect(outbox.send(publish('b'))).toBe(false);
  await settled();
  expect(connection.writes).toEqual([]);
});

test('finish() hands everything over, whatever waits, and ends the sending side', () => {
  const { outbox, connection } = setUp(10 * BUFFER_SIZE);
  connection.stalled = true;
  for (let i = 0; i < 8; i++) outbox.send(publish('a', 60_000));
  outbox.send({ type: 'disconnect', reasonCode: 0 });
  outbox.finish();
  expect(connection.packets).toHaveLength(9);
  expect(connection.ended).toBe(true);
  expect(outbox.send(publish('late'))).toBe(false);
});

test('a connection that calls `written` inside write() and twice is counted once', async () => {
  const { outbox, connection, log } = setUp(1000);
  const write = connection.write.bind(connection);
  connection.write = (bytes, written) => {
    written?.();
    written?.();
    return write(bytes);
  };
  outbox.send(publish('a', 2000));
  outbox.send(publish('b', 2000));
  await settled();
  expect(outbox.unsentBytes).toBe(0);
  expect(log).toEqual(['room']);
  expect(connection.packets).toHaveLength(2);
});

test('room() is not told inside send(): what is being sent comes first', async () => {
  const order: string[] = [];
  const connection = new MemoryConnection();
  connection.write = (_bytes, written) => {
    written?.();
    return true;
  };
  const room = (): void => void order.push('room');
  const ignore = (): void => undefined;
  const handlers = { room, writeFailed: ignore, acknowledgementsOverflow: ignore, handedOver: ignore };
  const outbox = new Outbox(connection, handlers, new Counters(), 50_000);
  expect(outbox.send(publish('a', 60_000))).toBe(false);
  // Does not fit beside the first, which is written now.
  outbox.send(publish('b', 10_000));
  order.push('sent');
  await settled();
  expect(order).toEqual(['sent', 'room']);
});

test('a buffer is not reused before its write has ended', async () => {
  const { outbox, connection } = setUp();
  connection.stalled = true;
  outbox.send(publish('first', 100));
  await settled();
  const view = connection.views[0];
  for (let i = 0; i < 20; i++) {
    outbox.send(publish('later', 60_000));
    await settled();
  }
  expect(view).toEqual(encode(publish('first', 100)));
});

test('a connection that never calls `written` is written to as long as it says that it takes more', async () => {
  const { outbox, connection } = setUp(BUFFER_SIZE);
  const write = connection.write.bind(connection);
  let takesMore = true;
  connection.write = (bytes) => {
    write(bytes);
    return takesMore;
  };
  for (let turn = 0; turn < 100; turn++) {
    outbox.send(publish('a', 10));
    await settled();
  }
  expect(connection.packets).toHaveLength(100);
  takesMore = false;
  outbox.send(publish('b', 10));
  await settled();
  outbox.send(publish('c', 10));
  await settled();
  expect(connection.packets).toHaveLength(101);
  outbox.drained();
  expect(connection.packets).toHaveLength(102);
  // Flushing is another matter: nobody has said that anything was written.
  expect(outbox.unsentBytes).toBeGreaterThan(0);
});

test('a connection that throws in write() has failed', async () => {
  const { outbox, connection, log } = setUp();
  connection.write = () => {
    throw new Error('broken');
  };
  outbox.send(publish('a'));
  await settled();
  expect(log).toEqual(['failed Error: broken']);
});

/** Payloads of megabytes are compared by size and last byte. */
function summary(packet: Packet): unknown {
  return packet.type === 'publish' ? [packet.topicName, packet.payload.length, packet.payload.at(-1)] : packet;
}
