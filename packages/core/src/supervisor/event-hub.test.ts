// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { mqttError, StoreError } from '../errors.ts';
import { EventHub } from './event-hub.ts';

function hub(logger?: { error: (message: string, details?: object) => void }) {
  const unheard: unknown[] = [];
  const full = logger && { debug: ignore, info: ignore, warn: ignore, error: logger.error };
  return { events: new EventHub(full, (message, details) => unheard.push([message, details])), unheard };
}

function ignore(): void {}

test('listeners get events in order, in a microtask, never inside emit (T-174)', async () => {
  const { events } = hub();
  const seen: string[] = [];
  events.on('stateChange', (state) => seen.push(`a ${state}`));
  events.on('stateChange', (state) => seen.push(`b ${state}`));
  events.emit('stateChange', 'connecting');
  events.emit('stateChange', 'connected');
  expect(seen).toEqual([]);
  await Promise.resolve();
  expect(seen).toEqual(['a connecting', 'b connecting', 'a connected', 'b connected']);
});

test('an event emitted by a listener comes behind those that are queued', async () => {
  const { events } = hub();
  const seen: string[] = [];
  events.on('reauthenticated', () => seen.push('reauthenticated'));
  events.on('stateChange', (state) => {
    seen.push(state);
    if (state === 'connecting') events.emit('reauthenticated');
  });
  events.emit('stateChange', 'connecting');
  events.emit('stateChange', 'connected');
  await Promise.resolve();
  expect(seen).toEqual(['connecting', 'connected', 'reauthenticated']);
});

test('a listener that is removed by an earlier one of the same event is not called any more', async () => {
  const { events } = hub();
  const seen: string[] = [];
  const off: (() => void)[] = [];
  events.on('reauthenticated', () => off[0]?.());
  off.push(events.on('reauthenticated', () => seen.push('removed')));
  events.emit('reauthenticated');
  await Promise.resolve();
  expect(seen).toEqual([]);
});

test('a listener that throws, or whose promise rejects, is logged and harms nobody', async () => {
  const logged: unknown[] = [];
  const { events } = hub({ error: (message, details) => logged.push([message, details]) });
  const seen: string[] = [];
  const failure = new TypeError('of the listener');
  events.on('reauthenticated', () => {
    throw failure;
  });
  // What plain JavaScript may pass.
  const rejecting = (): unknown => Promise.reject(failure);
  events.on('reauthenticated', rejecting);
  events.on('reauthenticated', () => seen.push('called'));
  events.emit('reauthenticated');
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  expect(seen).toEqual(['called']);
  expect(logged).toEqual([
    ['A listener of "reauthenticated" failed', { error: failure }],
    ['A listener of "reauthenticated" failed', { error: failure }],
  ]);
});

test('a listener that throws is reported where there is no logger', async () => {
  const { events, unheard } = hub();
  const failure = new TypeError('of the listener');
  events.on('reauthenticated', () => {
    throw failure;
  });
  events.emit('reauthenticated');
  await Promise.resolve();
  expect(unheard).toEqual([['A listener of "reauthenticated" failed', failure]]);
});

test('a failure with neither a listener nor a logger is reported; one with a listener is not', async () => {
  const { events, unheard } = hub();
  const failure = new StoreError('disk full');
  events.emit('storeError', failure);
  await Promise.resolve();
  expect(unheard).toEqual([['mqtt: storeError (no listener, no logger)', failure]]);
  events.on('storeError', ignore);
  events.emit('storeError', failure);
  await Promise.resolve();
  expect(unheard).toHaveLength(1);
});

test('a close without an error is no failure; one with an error is', async () => {
  const { events, unheard } = hub();
  events.emit('close', {});
  const error = mqttError('CONNECTION_LOST', 'gone');
  events.emit('close', { error });
  await Promise.resolve();
  expect(unheard).toEqual([['mqtt: close (no listener, no logger)', error]]);
});
