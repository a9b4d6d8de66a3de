// SPDX-License-Identifier: Apache-2.0

import { describe, expect, test } from 'vitest';
import {
  answered,
  connected,
  puback,
  pubrec,
  sent,
  settled,
  suback,
  subscribeRequest,
  Transcript,
} from '../../test/session/transcript.ts';

describe('three blames', () => {
  test('by DISCONNECT give a PUBLISH up, and the rest goes on', () => {
    const t = connected().publish({ topic: 'poison' }).skip();
    for (let times = 1; times < 3; times += 1)
      t.drop({ reasonCode: 0x99 })
        .resume()
        .expect(sent('publish', { dup: true }));
    t.drop({ reasonCode: 0x99 }).expect(settled('poison', 'REJECTED_BY_DISCONNECT', 'refused'));
    expect(t.outcomes.get('poison')?.error).toMatchObject({ reasonCode: 0x99, filters: [] });
    t.publish({ topic: 'b' })
      .resume()
      .expect(sent('publish', { topicName: 'b', dup: false }));
  });

  test('by an orderly close give it up too, when it was alone', () => {
    const t = connected().publish({ topic: 'poison', qos: 2 }).skip();
    for (let times = 1; times < 3; times += 1) t.drop({ orderly: true }).resume().skip();
    t.drop({ orderly: true }).expect(settled('poison', 'REJECTED_BY_DISCONNECT'));
    expect(t.outcomes.get('poison')?.error).toMatchObject({ reasonCode: 0x80 });
  });

  test('give a SUBSCRIBE up, with its filters, also over new sessions', () => {
    const request = subscribeRequest('a/#', 'b');
    const t = connected().request(request).skip().drop({ reasonCode: 0xa2 });
    t.connect().expect(answered('a/#', 'sessionLost')).request(request).skip().drop({ reasonCode: 0x8f });
    t.resume().expect(sent('subscribe')).drop({ reasonCode: 0x83 }).expect(answered('a/#', 'REJECTED_BY_DISCONNECT'));
  });

  test('survive the loss of the session: the republished message is the same suspect', () => {
    const t = connected().publish({ topic: 'poison' }).skip();
    t.drop({ reasonCode: 0x90 }).connect().drop({ reasonCode: 0x90 }).connect().skip();
    t.drop({ reasonCode: 0x90 }).expect(settled('poison', 'REJECTED_BY_DISCONNECT'));
  });
});

describe('the suspects', () => {
  test('travel one at a time, so that the last blame names one packet', () => {
    const t = connected();
    for (const topic of ['a', 'poison', 'c']) t.publish({ topic });
    t.skip().drop({ reasonCode: 0x99 });
    t.resume().expect(sent('publish', { topicName: 'a' }));
    t.receive(puback(1)).expect(settled('a', 0), sent('publish', { topicName: 'poison' }));
    t.drop({ reasonCode: 0x99 })
      .resume()
      .expect(sent('publish', { topicName: 'poison' }));
    t.drop({ reasonCode: 0x99 }).expect(settled('poison', 'REJECTED_BY_DISCONNECT'));
    t.resume()
      .expect(sent('publish', { topicName: 'c' }))
      .receive(puback(3))
      .expect(settled('c', 0));
  });

  test('keep everything that can be blamed waiting behind them, requests included', () => {
    const t = connected().publish({ topic: 'a' }).skip().drop({ reasonCode: 0x99 });
    t.resume().skip();
    t.publish({ topic: 'b' }).request(subscribeRequest('f')).publish({ topic: 'zero', qos: 0 });
    t.expect(sent('publish', { topicName: 'zero' }));
    t.receive(puback(1)).expect(settled('a', 0), sent('subscribe'), sent('publish', { topicName: 'b' }));
  });

  test('wait until nothing else is unanswered', () => {
    const t = connected().publish({ topic: 'a' }).skip().drop({ reasonCode: 0x99 });
    t.connect({ hold: true }).request(subscribeRequest('f')).expect(sent('subscribe'));
    t.engine.startPublishing(t.now);
    t.expectNothing().receive(suback(3, 0)).skip();
    expect(t.packets.at(-1)).toMatchObject({ type: 'publish', topicName: 'a' });
  });

  test('are none any more once the broker has answered', () => {
    const t = connected().publish({ topic: 'a', qos: 2 }).skip().drop({ reasonCode: 0x99 });
    t.resume().receive(pubrec(1)).publish({ topic: 'b' }).skip();
    expect(t.packets.at(-1)).toMatchObject({ topicName: 'b' });
    t.drop({ reasonCode: 0x99 }).resume().drop({ reasonCode: 0x99 }).skip();
    expect(t.exchange('a').settled).toBe(false);
  });
});

test('a message the broker took is no suspect any more, also when its session is lost', () => {
  const t = connected()
    .publish({ topic: 'a', qos: 2 })
    .drop({ reasonCode: 0x99 })
    .resume()
    .receive(pubrec(1))
    .skip()
    .drop();
  t.publish({ topic: 'b' })
    .connect()
    .expect(sent('publish', { topicName: 'a' }), sent('publish', { topicName: 'b' }));
});

describe('nobody is blamed', () => {
  test.each([
    ['a reset', {}],
    ['a DISCONNECT that blames no packet', { reasonCode: 0x8b }],
    ['a code that is only for SUBSCRIBE', { reasonCode: 0xa1 }],
  ])('for %s, however often', (_, end) => {
    const t = connected().publish({ topic: 'a' }).skip();
    for (let times = 0; times < 5; times += 1)
      t.drop(end)
        .resume()
        .expect(sent('publish', { topicName: 'a' }));
  });

  test('for an orderly close while several packets were unanswered, a PUBREL included', () => {
    const t = connected().publish({ topic: 'a' }).publish({ topic: 'b', qos: 2 }).receive(pubrec(2)).skip();
    for (let times = 0; times < 5; times += 1) t.drop({ orderly: true }).resume().skip();
    expect(t.exchange('a').settled).toBe(false);
  });

  test('for a connection that we ended because of a violation', () => {
    const t = connected().publish({ topic: 'a' });
    for (let times = 0; times < 5; times += 1) t.receive({ type: 'pingreq' }).drop({ orderly: true }).resume().skip();
    expect(t.exchange('a').settled).toBe(false);
  });

  test('a message that was never written is innocent', () => {
    const t = connected();
    t.holdWrites = true;
    t.publish({ topic: 'a' });
    for (let times = 0; times < 5; times += 1) t.drop({ reasonCode: 0x99 }).resume();
    expect(t.exchange('a').blames).toBe(0);
  });
});

test('the identifier of a packet that was given up stays taken until the session ends', () => {
  const t = new Transcript({}, new Map(), 2).connect().publish({ topic: 'poison' });
  for (let times = 1; times <= 3; times += 1) t.drop({ reasonCode: 0x99 }).resume();
  t.skip().publish({ topic: 'b' }).receive(puback(2)).skip();
  t.publish({ topic: 'c' }).expect(sent('publish', { packetIdentifier: 2 }));
  t.receive(puback(1)).expectNothing();
  t.drop()
    .connect()
    .skip()
    .publish({ topic: 'd' })
    .expect(sent('publish', { topicName: 'd', packetIdentifier: 2 }));
});
