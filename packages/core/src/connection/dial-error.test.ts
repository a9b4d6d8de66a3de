// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { dialFailed } from './dial-error.ts';

const failure = (code: string, message: string): Error => Object.assign(new Error(message), { code });

test.each([
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'alert', 'the broker does not know the issuer of the client certificate (alert)'],
  ['ECONNREFUSED', 'connect', 'nothing listens there (connect)'],
  ['ESOMETHING', 'one line\nand another\n', 'one line and another'],
])('%s has its meaning in front, where one is known, on one line', (code, message, said) => {
  expect(dialFailed('mqtts://broker:8883', failure(code, message))).toMatchObject({
    code: 'DIAL_FAILED',
    message: `Cannot connect to mqtts://broker:8883: ${said}`,
    cause: { code },
  });
});

test('a host with several addresses has every reason, each once', () => {
  const errors = [failure('ECONNREFUSED', 'x'), failure('ECONNREFUSED', 'x'), failure('ENETUNREACH', 'y')];
  expect(dialFailed('mqtt://b:1', new AggregateError(errors)).message).toBe(
    'Cannot connect to mqtt://b:1: nothing listens there (x); there is no way to the network (y)',
  );
});

test('closed without a word', () => {
  expect(dialFailed('mqtt://b:1', undefined).message).toBe(
    'Cannot connect to mqtt://b:1: the connection was closed before it was ready',
  );
});
