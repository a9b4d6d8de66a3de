// SPDX-License-Identifier: Apache-2.0

import { describe, expect, test } from 'vitest';
import {
  connected,
  delivered,
  pubcomp,
  pubrec,
  publish,
  sent,
  settled,
  Transcript,
} from '../../test/session/transcript.ts';

const cleanStart = (t: Transcript, broker?: string) => t.plan(broker).cleanStart;

describe('Clean Start', () => {
  test('is 1 without local state and 0 with it', () => {
    const t = new Transcript();
    expect(t.plan()).toEqual({ clientId: 'client', cleanStart: true });
    t.connect().drop();
    expect(cleanStart(t)).toBe(false);
  });

  test('an explicit true holds until one CONNECT has succeeded', () => {
    const t = new Transcript({ cleanStart: true }).connectInVain();
    expect(cleanStart(t)).toBe(true);
    t.connect().drop();
    expect(cleanStart(t)).toBe(false);
  });

  test('an explicit false holds from the first CONNECT', () => {
    expect(cleanStart(new Transcript({ cleanStart: false }))).toBe(false);
  });

  test('… and through attempts in vain, until there is local state', () => {
    expect(cleanStart(new Transcript({ cleanStart: false }).connectInVain())).toBe(false);
  });

  test('even an explicit false does not resume what an earlier session of this client left at another broker', () => {
    const t = connected({ cleanStart: false }, { broker: 'one' }).drop().connect({ broker: 'two' });
    t.engine.endSession(t.now);
    expect(cleanStart(t, 'one')).toBe(true);
    expect(cleanStart(t, 'two')).toBe(false);
  });

  test('cleanStartOnReconnect asks for it each time the client reconnects, not after disconnect()', () => {
    const t = new Transcript({ cleanStartOnReconnect: true }).connect().drop();
    expect(cleanStart(t)).toBe(true);
    t.connect();
    t.engine.handleDisconnected(t.now);
    expect(cleanStart(t)).toBe(false);
  });

  test('unfinished messages are lost at the CONNACK of an explicit clean start, never earlier (T-225)', () => {
    const first = new Transcript({ persistent: true }).connect().publish({ topic: 'a' });
    const t = first.restart({ cleanStart: true, sessionLoss: 'fail' }).connectInVain().expectNothing();
    t.connect().skip();
    expect(t.store.has('o/1')).toBe(false);
  });
});

describe('Session Present', () => {
  test('1 after Clean Start 1 is a protocol error, 0x82 (T-009) [MQTT-3.2.2-2]', () => {
    const t = new Transcript();
    t.plan();
    expect(t.connack({ sessionPresent: true })).toMatchObject({ error: { code: 'PROTOCOL_ERROR', reasonCode: 0x82 } });
    expect(t.engine.epoch).toBe(0);
  });

  test('1 without local state is SESSION_STATE_MISSING, and nothing has changed', () => {
    const t = new Transcript({ cleanStart: false });
    t.plan();
    expect(t.connack({ sessionPresent: true })).toMatchObject({ error: { code: 'SESSION_STATE_MISSING' } });
    expect(t.publish({ topic: 'a' }).engine.inflight).toBe(0);
  });

  test('1 without local state is taken as empty with resumeWithoutState', () => {
    const t = new Transcript({ cleanStart: false, resumeWithoutState: true });
    t.plan();
    expect(t.connack({ sessionPresent: true })).toEqual({ fate: 'resumed', inDoubt: false });
  });

  test('0 begins a new number: "new" the first time, "lost" when there was a session', () => {
    const t = new Transcript();
    t.plan();
    expect(t.connack()).toEqual({ fate: 'new' });
    t.drop();
    t.plan();
    expect(t.connack()).toEqual({ fate: 'lost' });
    expect(t.engine.epoch).toBe(2);
  });

  test('0 after endSession is no loss', () => {
    const t = connected();
    t.engine.endSession(t.now);
    t.plan();
    expect(t.connack()).toEqual({ fate: 'new' });
  });
});

describe('several brokers', () => {
  test('a broker that may hold an older session gets Clean Start 1; messages are carried over', () => {
    const t = connected({}, { broker: 'one' }).publish({ topic: 'a' }).skip().drop();
    t.connect({ broker: 'two' }).skip().drop();
    expect(cleanStart(t, 'one')).toBe(true);
    t.connect({ broker: 'one' }).expect(sent('publish', { topicName: 'a', dup: false }));
  });

  test('once it cannot hold it any more, it is asked to resume again', () => {
    const t = connected({}, { broker: 'one', sessionExpiryInterval: 60 }).drop().connect({ broker: 'two' }).drop();
    t.now += 60_000;
    expect(cleanStart(t, 'one')).toBe(false);
  });

  test('nodes that share sessions resume each other', () => {
    const t = connected({}, { broker: 'one' }).publish({ topic: 'a' }).skip().drop();
    t.resume({ broker: 'two' })
      .expect(sent('publish', { topicName: 'a', dup: true }))
      .drop();
    expect(cleanStart(t, 'one')).toBe(false);
  });

  test('independentBrokers asks each one for a clean start at the first contact', () => {
    const t = connected({ independentBrokers: true }, { broker: 'one' }).drop();
    expect(cleanStart(t, 'one')).toBe(false);
    expect(cleanStart(t, 'two')).toBe(true);
  });

  test('a clean start that was asked for in vain may have left an empty session: the next CONNECT there is clean too', () => {
    const t = connected({}, { broker: 'one' }).drop().connect({ broker: 'two' }).drop();
    t.now += 200_000;
    t.connectInVain('one').resume({ broker: 'two' }).drop();
    t.now += 150_000;
    // The session of the first contact has expired long since.
    expect(cleanStart(t, 'one')).toBe(true);
  });

  test('more brokers than can be remembered: a forgotten one gets Clean Start 1', () => {
    const t = connected({}, { broker: 'first' }).drop();
    for (let n = 0; n < 300; n += 1) t.connect({ broker: `b${n}` }).drop();
    expect(cleanStart(t, 'first')).toBe(true);
    expect(t.engine.epoch).toBe(301);
  });
});

describe('doubt', () => {
  test('a CONNECT whose CONNACK was never processed leaves the session in doubt [MQTT-3.1.2-6]', () => {
    const t = connected().drop().connectInVain();
    t.plan();
    expect(t.connack({ sessionPresent: true })).toEqual({ fate: 'resumed', inDoubt: true });
    t.drop();
    t.plan();
    expect(t.connack({ sessionPresent: true })).toEqual({ fate: 'resumed', inDoubt: false });
  });

  test('not one that was never written, nor one that was refused', () => {
    const t = connected().drop();
    t.plan();
    t.engine.handleConnectFailed({ written: false, connackReceived: false }, t.now);
    t.plan();
    t.engine.handleConnectWritten();
    t.engine.handleConnectFailed({ written: true, connackReceived: true, reasonCode: 0x88 }, t.now);
    t.plan();
    expect(t.connack({ sessionPresent: true })).toEqual({ fate: 'resumed', inDoubt: false });
  });

  test('Session Present 0 afterwards is an ordinary loss', () => {
    const t = connected().drop().connectInVain();
    t.plan();
    expect(t.connack()).toEqual({ fate: 'lost' });
  });

  test('an attempt whose end nobody reported counts as one in vain', () => {
    const t = connected().drop();
    t.plan();
    t.engine.handleConnectWritten();
    t.plan();
    expect(t.connack({ sessionPresent: true })).toMatchObject({ inDoubt: true });
  });

  test('at the broker that was asked in vain it lasts until a CONNACK of its own', () => {
    const t = connected({}, { broker: 'one' }).drop().connectInVain('two').resume({ broker: 'one' }).drop();
    t.plan('two');
    expect(t.connack({ broker: 'two', sessionPresent: true })).toMatchObject({ inDoubt: true });
  });

  test('a QoS 2 PUBLISH without DUP under an identifier from before it is a new message (b)', () => {
    const t = connected()
      .receive(publish('a', 2, 1), publish('b', 2, 2))
      .acknowledge('b')
      .skip()
      .drop()
      .connectInVain();
    t.resume()
      .receive(publish('c', 2, 1), publish('d', 2, 2))
      .expect(delivered('c', 2), delivered('d', 2));
    t.acknowledge('a')
      .expectNothing()
      .acknowledge('c')
      .expect(sent('pubrec', { packetIdentifier: 1 }));
  });

  test('with DUP it is the message of before, and from then on an ordinary one', () => {
    const t = connected()
      .receive(publish('a', 2, 1))
      .acknowledge('a')
      .skip()
      .drop()
      .connectInVain();
    t.resume()
      .receive(publish('a', 2, 1, { dup: true }))
      .expect(sent('pubrec', { packetIdentifier: 1 }));
    t.drop()
      .resume()
      .receive(publish('a', 2, 1))
      .expect(sent('pubrec', { packetIdentifier: 1 }));
  });

  test('a QoS 1 resend is the held message on the connection in doubt, and a new one after it', () => {
    const t = connected()
      .receive(publish('a', 1, 1), publish('b', 1, 2))
      .skip()
      .drop()
      .connectInVain();
    t.resume()
      .receive(publish('a', 1, 1, { dup: true }))
      .expectNothing()
      .drop();
    t.resume()
      .receive(publish('b', 1, 2, { dup: true }))
      .expect(delivered('b', 1));
  });

  test('PUBCOMP 0x92 to a PUBREL resent there is a loss of that message: republished (c)', () => {
    const t = connected().publish({ topic: 'a', qos: 2 }).publish({ topic: 'b', qos: 2 }).receive(pubrec(1), pubrec(2));
    t.drop().connectInVain().skip();
    t.resume().expect(sent('pubrel', { packetIdentifier: 1 }), sent('pubrel', { packetIdentifier: 2 }));
    t.receive(pubcomp(1, 0x92)).expect(sent('publish', { topicName: 'a', dup: false, packetIdentifier: 3 }));
    t.receive(pubcomp(2)).expect(settled('b', 0));
    t.receive(pubrec(3), pubcomp(3)).expect(sent('pubrel'), settled('a', 0));
  });

  test('… or SESSION_LOST with "fail"', () => {
    const t = connected({ sessionLoss: 'fail' })
      .publish({ topic: 'a', qos: 2 })
      .receive(pubrec(1))
      .drop()
      .connectInVain()
      .skip();
    t.resume()
      .skip()
      .receive(pubcomp(1, 0x92))
      .expect(settled('a', 'SESSION_LOST', 'unknown'));
  });

  test('PUBCOMP 0x92 to a PUBREL first sent there, or without doubt, resolves', () => {
    const t = connected().drop().connectInVain().resume().publish({ topic: 'a', qos: 2 }).receive(pubrec(1)).skip();
    t.receive(pubcomp(1, 0x92)).expect(settled('a', 0));
    t.publish({ topic: 'b', qos: 2 }).receive(pubrec(2)).drop().resume().skip();
    t.receive(pubcomp(2, 0x92)).expect(settled('b', 0));
  });
});

describe('the client identifier', () => {
  test('assigned by the broker is kept (T-010)', () => {
    const t = new Transcript({ clientId: '' });
    expect(t.plan().clientId).toBe('');
    t.connect({ assignedClientIdentifier: 'given' }).drop();
    expect(t.plan()).toEqual({ clientId: 'given', cleanStart: false });
    expect(t.engine.clientId).toBe('given');
  });

  test('refused with 0x85 by another broker is left behind there, for a new session', () => {
    const t = new Transcript({ clientId: '' }).connect({ broker: 'one', assignedClientIdentifier: 'given' }).drop();
    t.plan('two');
    t.engine.handleConnectFailed({ written: true, connackReceived: true, reasonCode: 0x85 }, t.now);
    expect(t.plan('one')).toEqual({ clientId: 'given', cleanStart: false });
    expect(t.plan('two')).toEqual({ clientId: '', cleanStart: true });
    t.connect({ broker: 'two', assignedClientIdentifier: 'other' });
    expect(t.engine.clientId).toBe('other');
  });

  test('refused by the broker that assigned it, or given by the option, it stays', () => {
    const t = new Transcript({ clientId: '' }).connect({ assignedClientIdentifier: 'given' }).drop();
    t.plan();
    t.engine.handleConnectFailed({ written: true, connackReceived: true, reasonCode: 0x85 }, t.now);
    expect(t.plan().clientId).toBe('given');
    const fixed = connected().drop();
    fixed.plan('two');
    fixed.engine.handleConnectFailed({ written: true, connackReceived: true, reasonCode: 0x85 }, fixed.now);
    expect(fixed.plan('two').clientId).toBe('client');
  });
});
