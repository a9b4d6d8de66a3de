// SPDX-License-Identifier: Apache-2.0
//
// `overflow: "pause"` against a real Mosquitto: a consumer that stops makes the broker queue, not this process.

import { connect } from '@mqttv5/core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { requireMosquitto, startMosquitto } from '../mosquitto.ts';

const MESSAGES = 200_000;
const PAYLOAD_BYTES = 1024;
const BUFFER_MESSAGES = 1_000;
/** Seconds. The broker gives up on a client it has not heard from for one and a half of them. */
const KEEP_ALIVE = 1;
/** Two clients, what the system buffers, and the garbage of 200,000 publishes; the messages themselves are 200 MiB. */
const ALLOWED_GROWTH_BYTES = 96 * 1024 * 1024;

describe.runIf(requireMosquitto())('a stopped consumer with "pause"', { timeout: 90_000 }, () => {
  test('the broker queues 200,000 messages while memory stays flat, nothing is lost at QoS 0, and the connection outlives ten keep-alive periods', async () => {
    await using broker = await startMosquitto({ maximumQueued: 0 });
    const consumer = await connect(broker.url, {
      keepAlive: KEEP_ALIVE,
      overflow: 'pause',
      bufferSize: BUFFER_MESSAGES,
      stats: true,
    });
    const publisher = await connect(broker.url);
    onTestFinished(async () => {
      await Promise.all([consumer.disconnect(), publisher.disconnect()]);
    });
    const losses: unknown[] = [];
    consumer.on('disconnect', ({ error }) => losses.push(error));
    const subscription = await consumer.subscribe('flood');
    const before = process.memoryUsage.rss();

    const payload = new Uint8Array(PAYLOAD_BYTES);
    const number = new DataView(payload.buffer);
    for (let sent = 0; sent < MESSAGES; sent += 1) {
      number.setUint32(0, sent);
      await publisher.publish('flood', payload);
    }
    await publisher.ping();
    expect(process.memoryUsage.rss() - before).toBeLessThan(ALLOWED_GROWTH_BYTES);
    // What had been read when the buffer was full is still decoded: at most one read more than the bound.
    expect(subscription.size).toBeLessThan(BUFFER_MESSAGES + 65_536 / PAYLOAD_BYTES + 1);

    const pings = consumer.stats().pingsSent;
    await until(() => consumer.stats().pingsSent >= pings + 10);
    expect(losses).toEqual([]);

    let expected = 0;
    for await (const { payload: received } of subscription) {
      const seen = new DataView(received.buffer, received.byteOffset).getUint32(0);
      if (seen !== expected) throw new Error(`message ${seen} where ${expected} was due`);
      expected += 1;
      if (expected === MESSAGES) break;
    }
    expect(subscription.dropped).toBe(0);
    expect(process.memoryUsage.rss() - before).toBeLessThan(ALLOWED_GROWTH_BYTES);
  });

  test('one that publishes at QoS 1 inside its loop never deadlocks: reading goes on while it waits, within its bounds', async () => {
    await using broker = await startMosquitto({ maximumQueued: 0 });
    const client = await connect(broker.url, { overflow: 'pause', bufferSize: BUFFER_MESSAGES });
    const publisher = await connect(broker.url);
    onTestFinished(async () => {
      await Promise.all([client.disconnect(), publisher.disconnect()]);
    });
    let dropped = 0;
    client.on('drop', () => {
      dropped += 1;
    });
    const subscription = await client.subscribe('flood');
    const total = 50_000;
    for (let sent = 0; sent < total; sent += 1) await publisher.publish('flood', new Uint8Array(PAYLOAD_BYTES));
    await publisher.ping();

    // The PUBACK of the first stands behind everything the broker has queued: what goes beyond twice the bound is dropped, and said.
    let received = 0;
    let acknowledged = 0;
    for await (const message of subscription) {
      received += 1;
      if (received % 100 === 0) {
        await client.publish('progress', message.payload, { qos: 1 });
        acknowledged += 1;
      }
      if (received + dropped === total) break;
    }
    expect(acknowledged).toBe(Math.floor(received / 100));
    expect(received).toBeGreaterThanOrEqual(BUFFER_MESSAGES);
    expect(subscription.dropped).toBe(dropped);
  });
});

/** Looks now and then: for what has no event. The test's own time limit bounds it. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise<void>((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}
