// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { resolveTlsOptions, schemeProblem } from './own-transport-browser.ts';

test('where core has no TLS, the options go to `dial` as they are, in an object that does not change any more', () => {
  const given = { ca: 'PEM', servername: 'broker.example' };
  const resolved = resolveTlsOptions(given);
  given.servername = 'other.example';
  expect(resolved).toEqual({ ca: 'PEM', servername: 'broker.example' });
  expect(Object.isFrozen(resolved)).toBe(true);
});

test('what is no object is refused', () => {
  // @ts-expect-error: plain JavaScript
  expect(() => resolveTlsOptions('strict')).toThrow('tls must be an object, not "strict"');
});

test('without `dial` there is nothing to connect with', () => {
  expect(schemeProblem()).toBe('it needs `dial`, such as webSocketDial() of @mqttv5/transport-ws');
});
