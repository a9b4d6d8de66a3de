// SPDX-License-Identifier: Apache-2.0
//
// Session State (§4.1), resuming (§4.4) and Session Expiry (§3.1.2.11.2).
import { describe, expect, test } from 'vitest';
import { ManualClock, startBroker } from '../src/index.ts';
import type { Broker } from '../src/index.ts';
import { until, untilGone } from './events.ts';
import { RawClient } from './raw-client.ts';

/** Publishes at QoS 1 on a connection of its own, and waits for the PUBACK. */
async function publishFrom(broker: Broker, topicName: string, ...payloads: string[]): Promise<void> {
  const [publisher] = await RawClient.connect(broker.url, { clientId: 'publisher' });
  for (const [index, payload] of payloads.entries()) {
    publisher.publish(topicName, payload, { qos: 1, packetIdentifier: index + 1 });
    await publisher.expect('puback');
  }
  await publisher.disconnect();
}

describe('Clean Start', () => {
  test('0 begins a session where there is none, and resumes the one there is [MQTT-3.1.2-5] [MQTT-3.1.2-6] [MQTT-3.2.2-3] [MQTT-3.1.4-4]', async () => {
    await using broker = await startBroker();
    const [first, begun] = await RawClient.persistent(broker.url, 'c', false);
    await first.subscribe('a');
    await first.disconnect();
    const [second, resumed] = await RawClient.persistent(broker.url, 'c', false);
    expect([begun.sessionPresent, resumed.sessionPresent]).toEqual([false, true]);
    broker.publish('a', 'still subscribed');
    expect((await second.expectPublish()).text).toBe('still subscribed');
  });

  test('1 drops the session there is [MQTT-3.1.2-4] [MQTT-3.2.2-2]', async () => {
    await using broker = await startBroker();
    const [first] = await RawClient.persistent(broker.url, 'c', false);
    await first.subscribe('a');
    await first.disconnect();
    const [second, connack] = await RawClient.persistent(broker.url, 'c', true);
    expect(connack.sessionPresent).toBe(false);
    expect(broker.clients).toMatchObject([{ filters: [] }]);
    broker.publish('a', 'nobody listens');
    await second.expectQuiet();
  });

  test('sessions are told apart by ClientID [MQTT-3.1.3-2]', async () => {
    await using broker = await startBroker();
    const [first] = await RawClient.persistent(broker.url, 'c', false);
    await first.disconnect();
    const [, other] = await RawClient.persistent(broker.url, 'C', false);
    expect(other.sessionPresent).toBe(false);
  });
});

describe('the end of a session', () => {
  test('without Session Expiry Interval it ends with the connection [MQTT-4.1.0-2]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url, { clientId: 'c' });
    await client.disconnect();
    await until(() => broker.clients.length === 0);
    const [, connack] = await RawClient.connect(broker.url, { clientId: 'c', cleanStart: false });
    expect(connack.sessionPresent).toBe(false);
  });

  test('it outlives the connection for its interval, and not a moment longer [MQTT-3.1.2-23] [MQTT-4.1.0-1] [MQTT-4.1.0-2]', async () => {
    const clock = new ManualClock();
    await using broker = await startBroker({ clock });
    const [client] = await RawClient.connect(broker.url, { properties: { sessionExpiryInterval: 10 } });
    clock.advance(60_000); // connected: the interval does not run
    await client.expectQuiet();
    await client.disconnect();
    await untilGone(broker, 'raw');
    clock.advance(9_999);
    expect(broker.clients).toHaveLength(1);
    clock.advance(1);
    expect(broker.clients).toHaveLength(0);
  });

  test('a client that comes back in time stops the clock', async () => {
    const clock = new ManualClock();
    await using broker = await startBroker({ clock });
    const properties = { sessionExpiryInterval: 10 };
    const [first] = await RawClient.connect(broker.url, { properties });
    await first.drop();
    await untilGone(broker, 'raw');
    clock.advance(5_000);
    const [second] = await RawClient.connect(broker.url, { cleanStart: false, properties });
    clock.advance(60_000);
    await second.expectQuiet();
    expect(broker.clients).toMatchObject([{ connected: true }]);
  });

  test('4,294,967,295 never ends', async () => {
    const clock = new ManualClock();
    await using broker = await startBroker({ clock });
    const [client] = await RawClient.connect(broker.url, { properties: { sessionExpiryInterval: 0xffff_ffff } });
    await client.disconnect();
    await untilGone(broker, 'raw');
    clock.advance(0xffff_ffff * 1000 + 1);
    expect(broker.clients).toMatchObject([{ connected: false }]);
  });

  test('DISCONNECT may change the interval', async () => {
    const clock = new ManualClock();
    await using broker = await startBroker({ clock });
    const [client] = await RawClient.connect(broker.url, { properties: { sessionExpiryInterval: 10 } });
    await client.disconnect({ properties: { sessionExpiryInterval: 0 } });
    await until(() => broker.clients.length === 0);
    const [longer] = await RawClient.connect(broker.url, { properties: { sessionExpiryInterval: 10 } });
    await longer.disconnect({ properties: { sessionExpiryInterval: 20 } });
    await untilGone(broker, 'raw');
    clock.advance(15_000);
    expect(broker.clients).toHaveLength(1);
  });

  test('DISCONNECT may not raise it from 0: Protocol Error, and the will is sent (§3.14.2.2.2)', async () => {
    await using broker = await startBroker();
    const [watcher] = await RawClient.connect(broker.url, { clientId: 'watcher' });
    await watcher.subscribe('will');
    const [client] = await RawClient.connect(broker.url, {
      will: { topicName: 'will', payload: Buffer.from('gone'), qos: 0, retain: false },
    });
    client.send({ type: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 10 } });
    await client.expectDisconnect(0x82);
    expect((await watcher.expectPublish()).text).toBe('gone');
  });

  test('sessionExpiryInterval of connackProperties replaces what the client asked for, and is announced', async () => {
    const clock = new ManualClock();
    await using broker = await startBroker({ clock, connackProperties: { sessionExpiryInterval: 5 } });
    const [client, connack] = await RawClient.connect(broker.url, { properties: { sessionExpiryInterval: 100 } });
    expect(connack.properties?.sessionExpiryInterval).toBe(5);
    await client.disconnect({ properties: { sessionExpiryInterval: 1000 } });
    await untilGone(broker, 'raw');
    clock.advance(5_000);
    expect(broker.clients).toEqual([]);
  });
});

describe('messages for a client that is away', () => {
  test('QoS 1 and 2 wait for it in order, QoS 0 does not [MQTT-4.5.0-1] [MQTT-4.6.0-5]', async () => {
    await using broker = await startBroker();
    const [first] = await RawClient.persistent(broker.url, 'c', true);
    await first.subscribe('a');
    await first.drop();
    await untilGone(broker, 'c');
    broker.publish('a', 'zero', { qos: 0 });
    broker.publish('a', 'one', { qos: 1 });
    broker.publish('a', 'two', { qos: 2 });
    broker.publish('a', 'three', { qos: 1 });
    const [second] = await RawClient.persistent(broker.url, 'c', false);
    const texts = [await second.expectPublish(), await second.expectPublish(), await second.expectPublish()];
    expect(texts.map(({ text, dup, qos }) => [text, dup, qos])).toEqual([
      ['one', false, 1],
      ['two', false, 2],
      ['three', false, 1],
    ]);
    await second.expectQuiet();
  });

  test('above maximumQueuedMessages the newest are dropped and logged', async () => {
    const warnings: string[] = [];
    const logger = { debug() {}, info() {}, warn: (message: string) => void warnings.push(message), error() {} };
    await using broker = await startBroker({ maximumQueuedMessages: 2, logger });
    const [first] = await RawClient.persistent(broker.url, 'c', true);
    await first.subscribe('a');
    await first.drop();
    await untilGone(broker, 'c');
    for (const payload of ['1', '2', '3']) broker.publish('a', payload, { qos: 1 });
    const [second] = await RawClient.persistent(broker.url, 'c', false);
    expect([(await second.expectPublish()).text, (await second.expectPublish()).text]).toEqual(['1', '2']);
    await second.expectQuiet();
    expect(warnings).toEqual(['queue of c is full: message dropped']);
  });
});

describe('retransmission', () => {
  test('what is not acknowledged is sent again on resumption, in order, with its identifier and DUP 1 [MQTT-4.4.0-1] [MQTT-3.3.1-1] [MQTT-4.3.2-3] [MQTT-4.3.3-3]', async () => {
    await using broker = await startBroker();
    const [first] = await RawClient.persistent(broker.url, 'c', true);
    await first.subscribe('a');
    broker.publish('a', 'one', { qos: 1 });
    broker.publish('a', 'two', { qos: 2 });
    broker.publish('a', 'three', { qos: 1 });
    const sent = [await first.expectPublish(), await first.expectPublish(), await first.expectPublish()];
    expect(sent.map(({ dup }) => dup)).toEqual([false, false, false]);
    await first.expectQuiet(); // and at no other time
    first.send({ type: 'puback', packetIdentifier: sent[0]?.packetIdentifier ?? 0, reasonCode: 0 });
    await first.expectQuiet();
    await first.drop();
    await untilGone(broker, 'c');
    const [second] = await RawClient.persistent(broker.url, 'c', false);
    const again = [await second.expectPublish(), await second.expectPublish()];
    expect(again.map(({ text, dup, packetIdentifier }) => [text, dup, packetIdentifier])).toEqual([
      ['two', true, sent[1]?.packetIdentifier],
      ['three', true, sent[2]?.packetIdentifier],
    ]);
    await second.expectQuiet();
  });

  test('after PUBREC only PUBREL is sent again [MQTT-4.3.3-5] [MQTT-4.3.3-6]', async () => {
    await using broker = await startBroker();
    const [first] = await RawClient.persistent(broker.url, 'c', true);
    await first.subscribe('a');
    broker.publish('a', 'two', { qos: 2 });
    const { packetIdentifier } = await first.expectPublish();
    first.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
    expect(await first.expect('pubrel')).toMatchObject({ packetIdentifier, reasonCode: 0 });
    await first.drop();
    await untilGone(broker, 'c');
    const [second] = await RawClient.persistent(broker.url, 'c', false);
    expect(await second.expect('pubrel')).toMatchObject({ packetIdentifier, reasonCode: 0 });
    second.send({ type: 'pubcomp', packetIdentifier, reasonCode: 0 });
    await second.expectQuiet();
    await second.drop();
    await untilGone(broker, 'c');
    const [third] = await RawClient.persistent(broker.url, 'c', false);
    await third.expectQuiet();
  });

  test('a PUBACK or PUBREC of 0x80 or above settles: not sent again [MQTT-4.4.0-2]', async () => {
    await using broker = await startBroker();
    const [first] = await RawClient.persistent(broker.url, 'c', true);
    await first.subscribe('a');
    broker.publish('a', 'one', { qos: 1 });
    broker.publish('a', 'two', { qos: 2 });
    const one = await first.expectPublish();
    const two = await first.expectPublish();
    first.send({ type: 'puback', packetIdentifier: one.packetIdentifier, reasonCode: 0x80 });
    first.send({ type: 'pubrec', packetIdentifier: two.packetIdentifier, reasonCode: 0x97 });
    await first.expectQuiet();
    await first.drop();
    await untilGone(broker, 'c');
    const [second, connack] = await RawClient.persistent(broker.url, 'c', false);
    expect(connack.sessionPresent).toBe(true);
    await second.expectQuiet();
  });

  test('a new session gets nothing of the old one [MQTT-3.1.2-4]', async () => {
    await using broker = await startBroker();
    const [first] = await RawClient.persistent(broker.url, 'c', true);
    await first.subscribe('a');
    broker.publish('a', 'one', { qos: 1 });
    await first.expectPublish();
    await first.drop();
    const [second] = await RawClient.persistent(broker.url, 'c', true);
    await second.expectQuiet();
  });

  test('resent publishes take quota: a lower Receive Maximum holds the rest back [MQTT-3.3.4-9] [MQTT-4.9.0-2]', async () => {
    await using broker = await startBroker();
    const [first] = await RawClient.persistent(broker.url, 'c', true);
    await first.subscribe('a');
    for (const payload of ['1', '2', '3']) broker.publish('a', payload, { qos: 1 });
    for (let count = 0; count < 3; count++) await first.expectPublish();
    await first.drop();
    await untilGone(broker, 'c');
    const [second] = await RawClient.persistent(broker.url, 'c', false, { receiveMaximum: 1 });
    for (const payload of ['1', '2', '3']) {
      const { text, dup, packetIdentifier } = await second.expectPublish();
      expect([text, dup]).toEqual([payload, true]);
      await second.expectQuiet();
      second.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    }
  });

  test('an inbound QoS 2 message is delivered once, whatever is repeated over connections [MQTT-4.3.3-10] [MQTT-4.3.3-12]', async () => {
    await using broker = await startBroker();
    const [watcher] = await RawClient.connect(broker.url, { clientId: 'watcher' });
    await watcher.subscribe([{ topicFilter: 'a', qos: 0 }]);
    const [first] = await RawClient.persistent(broker.url, 'c', true);
    first.publish('a', 'once', { qos: 2, packetIdentifier: 9 });
    await first.expect('pubrec');
    await first.drop();
    await untilGone(broker, 'c');
    const [second] = await RawClient.persistent(broker.url, 'c', false);
    second.publish('a', 'once', { qos: 2, packetIdentifier: 9, dup: true });
    expect(await second.expect('pubrec')).toMatchObject({ packetIdentifier: 9, reasonCode: 0 });
    second.send({ type: 'pubrel', packetIdentifier: 9, reasonCode: 0 });
    expect((await second.expect('pubcomp')).reasonCode).toBe(0);
    second.publish('a', 'new', { qos: 2, packetIdentifier: 9 });
    await second.expect('pubrec');
    expect([(await watcher.expectPublish()).text, (await watcher.expectPublish()).text]).toEqual(['once', 'new']);
  });
});

describe('forgetSessions and dropConnections', () => {
  test('dropConnections cuts every client, and sessions stay', async () => {
    await using broker = await startBroker();
    const [stays] = await RawClient.persistent(broker.url, 'stays', true);
    const [goes] = await RawClient.connect(broker.url, { clientId: 'goes' });
    broker.dropConnections();
    await Promise.all([stays.expectEnd(), goes.expectEnd()]);
    expect(broker.clients).toMatchObject([{ clientId: 'stays', connected: false }]);
    const [, connack] = await RawClient.persistent(broker.url, 'stays', false);
    expect(connack.sessionPresent).toBe(true);
  });

  test('forgetSessions cuts the client off and leaves nothing: no session, no will, no messages', async () => {
    const clock = new ManualClock();
    await using broker = await startBroker({ clock });
    const [watcher] = await RawClient.persistent(broker.url, 'watcher', true);
    await watcher.subscribe('will');
    const [client] = await RawClient.connect(broker.url, {
      clientId: 'c',
      properties: { sessionExpiryInterval: 100 },
      will: { topicName: 'will', payload: Buffer.from('x'), qos: 0, retain: false },
    });
    broker.forgetSessions('c');
    await client.expectEnd();
    expect(broker.clients).toMatchObject([{ clientId: 'watcher', connected: true }]);
    clock.advance(200_000);
    await watcher.expectQuiet();
    const [, connack] = await RawClient.persistent(broker.url, 'c', false);
    expect(connack.sessionPresent).toBe(false);
    broker.forgetSessions();
    expect(broker.clients).toEqual([]);
    broker.forgetSessions('nobody');
  });

  test('messages published while away are gone after forgetSessions', async () => {
    await using broker = await startBroker();
    const [first] = await RawClient.persistent(broker.url, 'c', true);
    await first.subscribe('a');
    await first.disconnect();
    await publishFrom(broker, 'a', 'lost');
    broker.forgetSessions();
    const [second, connack] = await RawClient.persistent(broker.url, 'c', false);
    expect(connack.sessionPresent).toBe(false);
    await second.expectQuiet();
  });
});
