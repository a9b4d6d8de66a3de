// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { connected, next, scripted } from './setup.ts';

test('a session of a Session Expiry Interval above 0 is kept over the connection [MQTT-3.1.2-23] [MQTT-4.1.0-1]', async () => {
  const { broker, client, connection } = await connected({ sessionExpiryInterval: 60 });
  const publishing = client.publish('a', 'x', { qos: 2 });
  const { packetIdentifier } = await connection.expect('publish');
  connection.drop();
  const second = await broker.accept();
  await second.handshake({ sessionPresent: true });
  expect(await second.expect('publish')).toMatchObject({ packetIdentifier, dup: true, qos: 2 });
  // Unacknowledged until its PUBREC, its PUBREL until PUBCOMP [MQTT-4.3.3-3].
  second.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
  await second.expect('pubrel');
  second.send({ type: 'pubcomp', packetIdentifier, reasonCode: 0 });
  expect(await publishing).toEqual({ reasonCode: 0 });
});

test('Session Present 0 ends what was known: nothing goes out under an old identifier or with DUP [MQTT-3.2.2-5] [MQTT-3.1.2-4]', async () => {
  const { broker, client, connection } = await connected();
  const publishing = client.publish('a', 'x', { qos: 2 });
  const { packetIdentifier } = await connection.expect('publish');
  connection.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
  await connection.expect('pubrel');
  connection.drop();
  const second = await broker.accept();
  await second.handshake({ sessionPresent: false });
  const again = await second.expect('publish');
  expect(again).toMatchObject({ topicName: 'a', dup: false, qos: 2 });
  second.send({ type: 'pubrec', packetIdentifier: again.packetIdentifier, reasonCode: 0 });
  await second.expect('pubrel');
  second.send({ type: 'pubcomp', packetIdentifier: again.packetIdentifier, reasonCode: 0 });
  await publishing;
});

test('the session belongs to the identifier: a client with another one begins its own [MQTT-3.1.3-2]', async () => {
  const first = await connected({ clientId: 'a' });
  first.connection.drop();
  expect(await (await first.broker.accept()).handshake({ sessionPresent: true })).toMatchObject({
    clientId: 'a',
    cleanStart: false,
  });
  const other = scripted({ clientId: 'b' });
  const connecting = other.client.connect();
  expect(await (await other.broker.accept()).handshake()).toMatchObject({ clientId: 'b', cleanStart: true });
  await connecting;
});

test('without credentials CONNECT has neither field [MQTT-3.1.2-18] [MQTT-3.1.2-16]', async () => {
  const { broker, client } = scripted();
  const connecting = client.connect();
  const connect = await (await broker.accept()).handshake();
  await connecting;
  expect(connect).not.toHaveProperty('password');
  expect(connect).not.toHaveProperty('username');
});

test('a message that came with DUP is forwarded without it [MQTT-3.3.1-3]', async () => {
  const { client, connection } = await connected();
  client.declare('in', {
    handler: (message) => client.publish('out', message.payload, { ...message.properties, qos: 1 }),
  });
  const { packetIdentifier } = await connection.expect('subscribe');
  connection.send({ type: 'suback', packetIdentifier, reasonCodes: [1] });
  connection.send({
    type: 'publish',
    topicName: 'in',
    payload: new Uint8Array([1]),
    qos: 1,
    dup: true,
    retain: false,
    packetIdentifier: 9,
  });
  const forwarded = await connection.expect('publish');
  connection.send({ type: 'puback', packetIdentifier: forwarded.packetIdentifier, reasonCode: 0 });
  expect(forwarded).toMatchObject({ topicName: 'out', dup: false });
  expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 9, reasonCode: 0 });
});

test('an event of a loss says that the client will be back, and when it is, the session is there', async () => {
  const { broker, client, connection } = await connected();
  const lost = next(client, 'disconnect');
  connection.end();
  expect(await lost).toMatchObject({ willReconnect: true });
  const back = next(client, 'connect');
  await (await broker.accept()).handshake({ sessionPresent: true });
  expect(await back).toMatchObject({ sessionPresent: true });
});
