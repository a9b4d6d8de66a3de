// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import {
  answered,
  connected,
  puback,
  sent,
  settled,
  suback,
  subscribeRequest,
  Transcript,
  unsuback,
  unsubscribeRequest,
  violated,
} from '../../test/session/transcript.ts';

test('SUBSCRIBE carries its filters, identifier and properties, and ends with SUBACK [MQTT-3.8.4-2]', () => {
  const t = connected();
  const userProperties = [['k', 'v']] as const;
  t.request({ ...subscribeRequest('a', 'b'), subscriptionIdentifier: 7, userProperties });
  const filter = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 };
  t.expect(
    sent('subscribe', {
      packetIdentifier: 1,
      filters: [
        { topicFilter: 'a', ...filter },
        { topicFilter: 'b', ...filter },
      ],
      properties: { subscriptionIdentifier: 7, userProperties },
    }),
  );
  t.receive(suback(1, 1, 0x80)).expect(answered('a', 'suback'));
});

test('UNSUBSCRIBE carries the filters as text and ends with UNSUBACK [MQTT-3.10.4-5]', () => {
  const t = connected();
  t.request(unsubscribeRequest('a', 'b')).expect(sent('unsubscribe', { topicFilters: ['a', 'b'] }));
  t.receive(unsuback(1, 0, 0x11)).expect(answered('a', 'unsuback'));
});

test('a request frees its identifier when it is answered', () => {
  const t = new Transcript({}, new Map(), 1).connect().request(subscribeRequest('a')).skip();
  t.request(subscribeRequest('b')).expectNothing();
  t.receive(suback(1, 1)).expect(answered('a', 'suback'), sent('subscribe', { packetIdentifier: 1 }));
});

test('the wrong number of codes, or an undefined one, is a protocol error [MQTT-3.8.4-6] [MQTT-3.9.3-2] [MQTT-3.11.3-2]', () => {
  connected().request(subscribeRequest('a', 'b')).skip().receive(suback(1, 1)).expect(violated(0x82));
  connected().request(subscribeRequest('a')).skip().receive(suback(1, 0x03)).expect(violated(0x82));
  connected()
    .request(unsubscribeRequest('a'))
    .skip()
    .receive(unsuback(1, 0, 0))
    .expect(violated(0x82));
  connected().request(unsubscribeRequest('a')).skip().receive(unsuback(1, 0x97)).expect(violated(0x82));
});

test('the answer to the other kind is ignored and counted', () => {
  const t = connected().request(subscribeRequest('a')).skip();
  t.receive(unsuback(1, 0), puback(1)).expectNothing();
  expect(t.counters.acksIgnored).toBe(2);
  t.receive(suback(1, 0)).expect(answered('a', 'suback'));
});

test('open requests are sent again after a resumed drop, in call order, under their identifiers', () => {
  const t = connected().request(subscribeRequest('a')).request(unsubscribeRequest('b')).request(subscribeRequest('c'));
  t.receive(unsuback(2, 0)).skip().drop().request(subscribeRequest('d'));
  t.resume().expect(
    sent('subscribe', { packetIdentifier: 1 }),
    sent('subscribe', { packetIdentifier: 3 }),
    sent('subscribe', { packetIdentifier: 4 }),
  );
});

test('an answer that comes before the request was sent again is none', () => {
  const t = connected().request(subscribeRequest('a')).skip().drop();
  // Held back behind a suspect, say; here by a lack of identifiers.
  t.resume().skip().receive(suback(1, 0)).expect(answered('a', 'suback'));
});

test('before startPublishing requests leave at once', () => {
  new Transcript().connect({ hold: true }).request(subscribeRequest('a')).expect(sent('subscribe'));
});

test('one that exceeds Maximum Packet Size is PACKET_TOO_LARGE and does not hold up the next (V-022)', () => {
  const t = connected({}, { maximumPacketSize: 40 });
  t.request(subscribeRequest('x'.repeat(60))).expect(answered('x'.repeat(60), 'PACKET_TOO_LARGE'));
  t.request(subscribeRequest('a')).expect(sent('subscribe'));
});

test('one that was not sent on this connection can be taken back, and its identifier is free (T-203)', () => {
  const t = new Transcript({}, new Map(), 1).connect();
  const request = subscribeRequest('a');
  t.request(request).skip();
  expect(t.engine.withdrawRequest(request)).toBe(false);
  t.drop();
  expect(t.engine.withdrawRequest(request)).toBe(true);
  expect(t.engine.withdrawRequest(request)).toBe(false);
  t.resume()
    .expectNothing()
    .publish({ topic: 'p' })
    .expect(sent('publish', { packetIdentifier: 1 }));
});

test('many open requests and publishes keep their answers apart', () => {
  const t = connected();
  for (let n = 0; n < 50; n += 1) t.request(subscribeRequest(`f${n}`)).publish({ topic: `t${n}` });
  t.skip();
  for (let n = 49; n >= 0; n -= 1) {
    t.receive(puback(2 * n + 2), suback(2 * n + 1, 0)).expect(settled(`t${n}`, 0), answered(`f${n}`, 'suback'));
  }
});
