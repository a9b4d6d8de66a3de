// SPDX-License-Identifier: Apache-2.0
//
// The wall clock was set while no process ran: instants in the store are compared with a time that has little to do with them.
// A clock set forward ends what it must believe to be over; a clock set back lengthens nothing by more than what was left.

import { describe, expect, test } from 'vitest';
import {
  persistent,
  puback,
  pubcomp,
  publish,
  pubrec,
  removed,
  sent,
  settled,
  stored,
  Transcript,
} from '../../test/session/transcript.ts';

const DAY_MS = 86_400_000;

/** The process ends, the clock is set, and the next one finds the store. */
function restartedAfter(
  t: Transcript,
  jumpMs: number,
  settings: Parameters<Transcript['restart']>[0] = {},
): Transcript {
  t.now += jumpMs;
  return t.restart(settings);
}

describe('a clock set back over a restart', () => {
  test('lengthens no lifetime: a stored message is sent with at most the interval it was given', () => {
    const t = persistent().publish({ topic: 'a', properties: { messageExpiryInterval: 60 } });
    t.now += 50_000;
    restartedAfter(t, -DAY_MS)
      .resume()
      .expect(sent('publish', { dup: true, properties: { messageExpiryInterval: 60 } }));
  });

  test('and what passes from then on counts', () => {
    const t = persistent().publish({ topic: 'a', properties: { messageExpiryInterval: 60 } });
    const next = restartedAfter(t, -DAY_MS);
    next.now += 40_000;
    next.resume().expect(sent('publish', { properties: { messageExpiryInterval: 20 } }));
  });

  test('a message that a lost session has made a new one of expires within its interval', () => {
    const t = persistent()
      .publish({ topic: 'a', properties: { messageExpiryInterval: 60 } })
      .drop();
    const next = restartedAfter(t, -DAY_MS).connect({ hold: true }).skip().drop();
    next.wait(60_000).expect(removed('o/2'), settled('a', 'MESSAGE_EXPIRED', 'notSent'));
  });

  test('resumes the session: whatever the broker says of it decides', () => {
    const t = persistent().publish({ topic: 'a', qos: 2 }).receive(pubrec(1)).drop();
    const next = restartedAfter(t, -DAY_MS);
    expect(next.plan().cleanStart).toBe(false);
    next
      .resume()
      .expect(sent('pubrel', { packetIdentifier: 1 }))
      .receive(pubcomp(1))
      .expect(removed('o/1'), settled('a', 0));
  });

  test('keeps an older session at another broker for as long as it is kept, not a day longer', () => {
    const t = persistent().drop().connect({ broker: 'two' }).drop();
    const next = restartedAfter(t, -DAY_MS);
    expect(next.plan('one').cleanStart).toBe(true);
    // 300 s are over: there is nothing to get rid of, and one that shares sessions with "two" would lose the one of now.
    next.now += 301_000;
    expect(next.plan('one').cleanStart).toBe(false);
  });
});

describe('a clock set forward over a restart', () => {
  test('ends no message that may have been written: it goes out with 1 s', () => {
    const t = persistent().publish({ topic: 'a', properties: { messageExpiryInterval: 60 } });
    restartedAfter(t, DAY_MS)
      .resume()
      .expect(sent('publish', { dup: true, properties: { messageExpiryInterval: 1 } }));
  });

  test('a killed process: nobody saw the connection end, so the session is resumed, QoS 2 included', () => {
    const t = persistent()
      .publish({ topic: 'a', qos: 2 })
      .receive(pubrec(1))
      .receive(publish('b', 2, 7))
      .acknowledge('b');
    const next = restartedAfter(t, DAY_MS);
    expect(next.plan().cleanStart).toBe(false);
    next
      .resume()
      .expect(sent('pubrel', { packetIdentifier: 1 }))
      .receive(publish('b', 2, 7, { dup: true }))
      .expect(sent('pubrec', { packetIdentifier: 7 }));
  });

  test('past the expiry of a session whose end was seen: Clean Start 1; what has expired is told, the rest republished', () => {
    const t = persistent()
      .publish({ topic: 'brief', properties: { messageExpiryInterval: 60 } })
      .publish({ topic: 'long', qos: 2, properties: { messageExpiryInterval: 172_800 } })
      .publish({ topic: 'ever' })
      .drop();
    const next = restartedAfter(t, DAY_MS);
    expect(next.plan().cleanStart).toBe(true);
    next
      .connect()
      .expect(
        removed('o/1'),
        removed('o/2'),
        removed('o/3'),
        stored('o/4'),
        stored('o/5'),
        stored('o/6'),
        removed('o/4'),
        settled('brief', 'MESSAGE_EXPIRED', 'notSent'),
        sent('publish', { topicName: 'long', dup: false, properties: { messageExpiryInterval: 86_400 } }),
        sent('publish', { topicName: 'ever', dup: false }),
      );
    next.receive(puback(6)).expect(removed('o/6'), settled('ever', 0));
  });

  test('a session that never expires at the broker is resumed after a century', () => {
    const t = new Transcript({ persistent: true, sessionExpiryInterval: 0xffff_ffff })
      .connect({ sessionExpiryInterval: 0xffff_ffff })
      .publish({ topic: 'a' })
      .drop();
    const next = restartedAfter(t, 36_525 * DAY_MS, { sessionExpiryInterval: 0xffff_ffff });
    expect(next.plan().cleanStart).toBe(false);
  });

  test('an older session at another broker is believed gone', () => {
    const t = persistent().drop().connect({ broker: 'two' }).drop();
    expect(restartedAfter(t, 299_000).plan('one').cleanStart).toBe(true);
    expect(restartedAfter(t, 2_000, { cleanStart: false }).plan('one').cleanStart).toBe(false);
  });
});
