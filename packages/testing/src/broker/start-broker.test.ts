// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { RawClient } from '../../test/raw-client.ts';
import { startBroker } from './start-broker.ts';

test('a message reaches its subscriber at QoS 0, 1 and 2', async () => {
  await using broker = await startBroker();
  const [subscriber] = await RawClient.connect(broker.url, { clientId: 'subscriber' });
  const suback = await subscriber.subscribe('a/+');
  expect(suback.reasonCodes).toEqual([2]);
  const [publisher] = await RawClient.connect(broker.url, { clientId: 'publisher' });

  publisher.publish('a/0', 'zero');
  expect(await subscriber.expectPublish()).toMatchObject({ topicName: 'a/0', text: 'zero', qos: 0 });

  publisher.publish('a/1', 'one', { qos: 1, packetIdentifier: 7 });
  expect(await publisher.expect('puback')).toMatchObject({ packetIdentifier: 7, reasonCode: 0 });
  const one = await subscriber.expectPublish();
  expect(one).toMatchObject({ text: 'one', qos: 1, dup: false });
  subscriber.send({ type: 'puback', packetIdentifier: one.packetIdentifier, reasonCode: 0 });

  publisher.publish('a/2', 'two', { qos: 2, packetIdentifier: 8 });
  expect(await publisher.expect('pubrec')).toMatchObject({ packetIdentifier: 8, reasonCode: 0 });
  publisher.send({ type: 'pubrel', packetIdentifier: 8, reasonCode: 0 });
  expect(await publisher.expect('pubcomp')).toMatchObject({ packetIdentifier: 8, reasonCode: 0 });
  const two = await subscriber.expectPublish();
  expect(two).toMatchObject({ text: 'two', qos: 2 });
  subscriber.send({ type: 'pubrec', packetIdentifier: two.packetIdentifier, reasonCode: 0 });
  await subscriber.expect('pubrel');
  subscriber.send({ type: 'pubcomp', packetIdentifier: two.packetIdentifier, reasonCode: 0 });
  await subscriber.expectQuiet();
});
