// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import { type BrokerAddress, parseBrokers } from '../broker-url.ts';
import { BrokerList } from './broker-list.ts';

function list(...hosts: string[]) {
  return new BrokerList(
    parseBrokers(
      hosts.map((host) => `mqtt://${host}`),
      false,
    ),
  );
}

function target(host: string) {
  const [address] = parseBrokers(`mqtt://${host}`, false);
  if (address === undefined) throw new TypeError('no address');
  return address;
}

function hostOf({ href }: BrokerAddress): string {
  return new URL(href).hostname;
}

function attempts(brokers: BrokerList, count: number): string[] {
  return Array.from({ length: count }, () => {
    const hostname = hostOf(brokers.take());
    brokers.failed();
    return hostname;
  });
}

test('failures rotate through the list in its order (S-140, T-016)', () => {
  expect(attempts(list('a', 'b', 'c'), 5)).toEqual(['a', 'b', 'c', 'a', 'b']);
});

test('a success sticks to its broker', () => {
  const brokers = list('a', 'b');
  attempts(brokers, 1);
  expect(hostOf(brokers.take())).toBe('b');
  brokers.succeeded();
  expect(hostOf(brokers.take())).toBe('b');
});

test('0x9C is for the next attempt only (V-092)', () => {
  const brokers = list('a', 'b');
  expect(brokers.detour(target('x'))).toBe(true);
  expect(hostOf(brokers.peek())).toBe('x');
  expect(attempts(brokers, 3)).toEqual(['x', 'a', 'b']);
});

test('0x9D replaces the list, until five redirected attempts in a row have failed', () => {
  const brokers = list('a', 'b');
  brokers.move([target('x'), target('y')]);
  expect(attempts(brokers, 7)).toEqual(['x', 'y', 'x', 'y', 'x', 'a', 'b']);
});

test('a success among them starts the count of redirected attempts over', () => {
  const brokers = list('a');
  brokers.move([target('x')]);
  attempts(brokers, 4);
  brokers.take();
  brokers.succeeded();
  expect(attempts(brokers, 6)).toEqual(['x', 'x', 'x', 'x', 'x', 'a']);
});

test('brokers that send each other a client in circles get it five times', () => {
  const brokers = list('a');
  const seen: string[] = [];
  for (let attempt = 0; attempt < 8; attempt += 1) {
    seen.push(hostOf(brokers.take()));
    brokers.failed();
    brokers.detour(target('x'));
  }
  expect(seen).toEqual(['a', 'x', 'x', 'x', 'x', 'x', 'a', 'x']);
});

test("setBrokers is the application's word: it replaces list, move and detour (T-163)", () => {
  const brokers = list('a', 'b');
  brokers.move([target('x')]);
  brokers.detour(target('y'));
  brokers.replace([target('c'), target('d')]);
  expect(attempts(brokers, 3)).toEqual(['c', 'd', 'c']);
});

test('setBrokers during an attempt: its failure passes over nobody in the new list (T-163)', () => {
  const brokers = list('old');
  brokers.take();
  brokers.replace([target('a'), target('b')]);
  brokers.failed();
  expect(attempts(brokers, 3)).toEqual(['a', 'b', 'a']);
});
