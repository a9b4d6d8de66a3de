// SPDX-License-Identifier: Apache-2.0
//
// A connected client that breaks the rules: DISCONNECT with the right code, then the end (§4.13.1) [MQTT-4.13.1-1]
// [MQTT-3.14.4-1] [MQTT-3.14.4-2].
import { expect, test } from 'vitest';
import { startBroker } from '../src/index.ts';
import { RawClient } from './raw-client.ts';

test.each([
  ['packet type 0', '00 00', 0x81],
  ['packet type CONNACK', '20 03 00 00 00', 0x82],
  ['packet type SUBACK', '90 04 0001 00 00', 0x82],
  ['packet type UNSUBACK', 'b0 04 0001 00 00', 0x82],
  ['packet type PINGRESP', 'd0 00', 0x82],
  ['a Remaining Length of five bytes', '30 ff ff ff ff 01', 0x81],
  ['a Remaining Length that is not minimal [MQTT-1.5.5-1]', 'c0 80 00', 0x81],
  ['PUBLISH with QoS 3 [MQTT-3.3.1-4]', '36 06 0001 61 0001 00', 0x81],
  ['PUBLISH with DUP at QoS 0 [MQTT-3.3.1-2]', '38 04 0001 61 00', 0x81],
  ['PUBLISH with a wildcard in its topic [MQTT-3.3.2-2] [MQTT-4.7.0-1]', '30 04 0001 23 00', 0x82],
  ['PUBLISH with U+0000 in its topic [MQTT-4.7.3-2]', '30 04 0001 00 00', 0x81],
  ['PUBLISH with neither topic nor alias [MQTT-4.7.3-1]', '30 03 0000 00', 0x82],
  ['PUBLISH with Packet Identifier 0', '32 06 0001 61 0000 00', 0x82],
  ['PUBLISH with a Subscription Identifier', '30 06 0001 61 02 0b01', 0x82],
  ['PUBLISH with a wildcard in its Response Topic [MQTT-3.3.2-14]', '30 08 0001 61 04 08 0001 23', 0x82],
  ['PUBLISH without property length [MQTT-2.2.2-1]', '30 03 0001 61', 0x81],
  ['PUBACK with a code it has none of [MQTT-3.4.2-1]', '40 03 0001 01', 0x81],
  ['PUBREC with a code it has none of [MQTT-3.5.2-1]', '50 03 0001 01', 0x81],
  ['PUBREL with flags 0000 [MQTT-3.6.1-1]', '60 02 0001', 0x81],
  ['PUBREL with a code it has none of [MQTT-3.6.2-1]', '62 03 0001 80', 0x81],
  ['PUBCOMP with a code it has none of [MQTT-3.7.2-1]', '70 03 0001 80', 0x81],
  ['SUBSCRIBE with flags 0000 [MQTT-3.8.1-1]', '80 07 0001 00 0001 61 00', 0x81],
  ['SUBSCRIBE without a filter', '82 03 0001 00', 0x82],
  ['SUBSCRIBE with reserved option bits [MQTT-3.8.3-5]', '82 07 0001 00 0001 61 40', 0x81],
  ['SUBSCRIBE with QoS 3', '82 07 0001 00 0001 61 03', 0x82],
  ['SUBSCRIBE with Retain Handling 3', '82 07 0001 00 0001 61 30', 0x82],
  ['SUBSCRIBE with an empty filter [MQTT-4.7.3-1]', '82 06 0001 00 0000 00', 0x82],
  ['SUBSCRIBE with # not last [MQTT-4.7.1-1]', '82 09 0001 00 0003 232f61 00', 0x82],
  ['SUBSCRIBE with + in part of a level [MQTT-4.7.1-2]', '82 08 0001 00 0002 612b 00', 0x82],
  ['SUBSCRIBE with an empty share name [MQTT-4.8.2-1]', '82 0f 0001 00 0009 2473686172652f2f61 00', 0x82],
  ['SUBSCRIBE with a wildcard in the share name [MQTT-4.8.2-2]', '82 10 0001 00 000a 2473686172652f2b2f61 00', 0x82],
  ['SUBSCRIBE with No Local on a share [MQTT-3.8.3-4]', '82 10 0001 00 000a 2473686172652f672f61 04', 0x82],
  ['UNSUBSCRIBE with flags 0000 [MQTT-3.10.1-1]', 'a0 06 0001 00 0001 61', 0x81],
  ['UNSUBSCRIBE without a filter', 'a2 03 0001 00', 0x82],
  ['DISCONNECT with flags [MQTT-3.14.1-1]', 'e1 00', 0x81],
  ['DISCONNECT with a code no client sends [MQTT-3.14.2-1]', 'e0 01 8e', 0x82],
  ['AUTH with flags [MQTT-3.15.1-1]', 'f1 00', 0x81],
  ['AUTH without a method', 'f0 00', 0x82],
])('%s', async (_name, hex, reasonCode) => {
  await using broker = await startBroker();
  const [client] = await RawClient.connect(broker.url);
  client.sendHex(hex);
  const { properties } = await client.expectDisconnect(reasonCode);
  // [MQTT-3.14.2-2]
  expect(properties?.sessionExpiryInterval).toBeUndefined();
  expect(properties?.reasonString).toEqual(expect.any(String));
  expect(broker.clients).toEqual([]);
});

test('a code of 0x80 or above closes the connection, in CONNACK as in DISCONNECT [MQTT-4.13.2-1]', async () => {
  await using broker = await startBroker({ authenticate: ({ clientId }) => clientId !== 'no' });
  const [refused, connack] = await RawClient.connect(broker.url, { clientId: 'no' });
  expect(connack.reasonCode).toBe(0x86);
  await refused.expectEnd();
  const [client] = await RawClient.connect(broker.url);
  broker.disconnect('raw');
  await client.expectDisconnect(0x98);
});

test('an acknowledgement of 0x80 or above does not', async () => {
  await using broker = await startBroker();
  const [client] = await RawClient.connect(broker.url);
  await client.subscribe('a');
  broker.publish('a', 'x', { qos: 1 });
  const { packetIdentifier } = await client.expectPublish();
  client.send({ type: 'puback', packetIdentifier, reasonCode: 0x80 });
  await client.expectQuiet();
});
