// SPDX-License-Identifier: Apache-2.0
//
// What a queue publisher refuses, and with which code.

import { MemoryPublisherQueue, QueuePublisher } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { connected, scripted } from './setup.ts';

describe('QueuePublisher.publish', () => {
  test('QOS0_NOT_QUEUEABLE: there is nothing to wait for at QoS 0 (S-136)', async () => {
    const { client } = scripted();
    const publisher = new QueuePublisher(client, new MemoryPublisherQueue());
    const qos: number = 0;
    // What plain JavaScript may hand in.
    await expect(publisher.publish('a', 'x', { qos: qos as 1 })).rejects.toMatchObject({ code: 'QOS0_NOT_QUEUEABLE' });
    expect(publisher.size).toBe(0);
  });

  test('QUEUE_FULL at the bound, with nothing put in; room again when one is delivered (S-135)', async () => {
    const { client, connection } = await connected();
    const publisher = new QueuePublisher(client, new MemoryPublisherQueue(), { maximumSize: 1 });
    const first = await publisher.publish('a', '1');
    await expect(publisher.publish('a', '2')).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    const { packetIdentifier } = await connection.expect('publish');
    connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await first.delivered();
    await publisher.flush();
    await publisher.publish('a', '3');
    expect(publisher.size).toBe(1);
    await client.disconnect();
    await publisher.close();
  });

  test('QUEUE_CLOSED after close(), which may be called again; the queue stays open (S-134)', async () => {
    const { client } = scripted();
    const queue = new MemoryPublisherQueue();
    const publisher = new QueuePublisher(client, queue);
    await publisher.publish('a', 'x');
    await publisher.close();
    await publisher.close();
    await expect(publisher.publish('a', 'x')).rejects.toMatchObject({ code: 'QUEUE_CLOSED', delivery: 'notSent' });
    expect(queue.peek(-1, 10)).toHaveLength(1);
  });
});
