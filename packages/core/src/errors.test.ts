// SPDX-License-Identifier: Apache-2.0
import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';

import {
  GroupError,
  isMqttError,
  MqttError,
  mqttError,
  ProtocolError,
  ReasonCodeError,
  RejectedByDisconnectError,
  StoreError,
  SubscribeError,
  UnsubscribeError,
  withDelivery,
} from './errors.ts';

const EVERY_KIND = [
  new MqttError('CLOSED', 'm'),
  new ReasonCodeError('PUBLISH_REFUSED', 'm', { reasonCode: 0x87 }),
  new SubscribeError('m', []),
  new UnsubscribeError('m', []),
  new RejectedByDisconnectError('m', 0x82, []),
  new ProtocolError(0x82, 'm'),
  new GroupError('m', []),
  new StoreError('m'),
];

describe('MqttError (S-006)', () => {
  test.each(EVERY_KIND)('$name is an MqttError and an Error, and says its name', (error) => {
    expect(error).toBeInstanceOf(MqttError);
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe(error.constructor.name);
    expect(error.stack).toContain(`${error.name}: `);
    expect(Object.keys(error)).not.toContain('name');
    expect(isMqttError(error)).toBe(true);
  });

  test('carries cause, delivery and errors, and has no key for what it does not carry', () => {
    const cause = new Error('socket');
    const first = mqttError('DIAL_FAILED', 'a');
    const error = new MqttError('CONNECT_TIMEOUT', 'm', { cause, delivery: 'unknown', errors: [first] });
    expect(error).toMatchObject({ code: 'CONNECT_TIMEOUT', message: 'm', cause, delivery: 'unknown', errors: [first] });
    expect(Object.keys(new MqttError('CLOSED', 'm'))).toEqual(['code']);
    expect('cause' in new MqttError('CLOSED', 'm')).toBe(false);
  });

  test('a refusal carries what the broker said (V-023)', () => {
    const error = new ReasonCodeError('CONNECT_REFUSED', 'm', {
      reasonCode: 0x9c,
      reasonString: 'busy',
      userProperties: [['a', 'b']],
      serverReference: 'other',
    });
    expect(error).toMatchObject({
      reasonCode: 0x9c,
      reasonString: 'busy',
      userProperties: [['a', 'b']],
      serverReference: 'other',
    });
    expect('reasonString' in new ReasonCodeError('CONNECT_REFUSED', 'm', { reasonCode: 0x87 })).toBe(false);
  });

  test('a protocol error names the code in hexadecimal (V-082)', () => {
    expect(new ProtocolError(0x82, 'two CONNACKs')).toMatchObject({
      detail: 'two CONNACKs',
      message: 'The broker broke the protocol (0x82): two CONNACKs',
    });
  });

  test('prints its code', () => {
    expect(inspect(new MqttError('CLOSED', 'gone'))).toMatch(/^MqttError: gone[\s\S]*code: 'CLOSED'/);
  });
});

describe('isMqttError', () => {
  test('goes by code: a second copy of the package and another realm count', () => {
    const foreign: unknown = runInNewContext(`Object.assign(new Error('m'), { code: 'NOT_CONNECTED' })`);
    expect(isMqttError(foreign)).toBe(true);
    expect(isMqttError(Object.assign(new Error('m'), { code: 'STORE_FAILED' }))).toBe(true);
  });

  test.each([
    undefined,
    null,
    'CLOSED',
    { code: 'CLOSED' },
    new Error('m'),
    Object.assign(new Error('m'), { code: 'ECONNREFUSED' }),
    Object.assign(new Error('m'), { code: 'toString' }),
    Object.assign(new Error('m'), { code: 5 }),
  ])('%# is none', (error) => {
    expect(isMqttError(error)).toBe(false);
  });
});

test('withDelivery attaches once: who said it first was nearer to the wire', () => {
  const error = mqttError('CLOSED', 'm');
  expect(withDelivery(error, 'pending')).toBe(error);
  withDelivery(error, 'notSent');
  expect(error.delivery).toBe('pending');
});
