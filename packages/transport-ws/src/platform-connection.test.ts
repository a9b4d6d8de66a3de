// SPDX-License-Identifier: Apache-2.0
//
// What no real WebSocket can be made to do on time: to keep bytes, to fail, to be closed late. The platform is the test.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PlatformConnection } from './platform-connection.ts';

const MEBIBYTE = 1024 * 1024;

/** A platform's socket that lets go of bytes, and closes, when the test says so. */
class ManualSocket extends EventTarget {
  bufferedAmount = 0;
  readonly closedWith: (number | undefined)[] = [];

  send(bytes: Uint8Array): void {
    this.bufferedAmount += bytes.length;
  }

  close(code?: number): void {
    this.closedWith.push(code);
  }

  receive(data: unknown): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data }));
  }

  /** The close event, which follows an error event where there is one. */
  end(code: number, reason = ''): void {
    this.dispatchEvent(Object.assign(new Event('close'), { code, reason }));
  }
}

function started() {
  const socket = new ManualSocket();
  // Of the platform's class, what the connection uses.
  const connection = new PlatformConnection(socket as unknown as WebSocket);
  const log: string[] = [];
  connection.start({
    data: (bytes) => void log.push(`data ${bytes.length}`),
    drain: () => void log.push('drain'),
    close: (error) => void log.push(`close ${error?.message}`),
  });
  const write = (name: string, length: number): boolean =>
    connection.write(new Uint8Array(length), () => void log.push(name));
  return { socket, connection, log, write };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('`written` is called when the bytes of its own write have left, in order, never in the call', () => {
  const { socket, log, write } = started();
  write('one', 10);
  write('two', 20);
  expect(log).toEqual([]);
  vi.advanceTimersByTime(100);
  expect(log).toEqual([]);
  socket.bufferedAmount = 20;
  vi.advanceTimersByTime(10);
  expect(log).toEqual(['one']);
  write('three', 5);
  socket.bufferedAmount = 5;
  vi.advanceTimersByTime(10);
  expect(log).toEqual(['one', 'two']);
  socket.bufferedAmount = 0;
  vi.advanceTimersByTime(10);
  expect(log).toEqual(['one', 'two', 'three']);
  expect(vi.getTimerCount()).toBe(0);
  write('four', 1);
  socket.bufferedAmount = 0;
  vi.advanceTimersByTime(0);
  expect(log.at(-1)).toBe('four');
  expect(log).not.toContain('drain');
});

test('write() says false from a mebibyte unsent on, and drain comes once when there is less', () => {
  const { socket, log, write } = started();
  expect(write('one', MEBIBYTE - 1)).toBe(true);
  expect(write('two', 1)).toBe(false);
  socket.bufferedAmount = MEBIBYTE;
  vi.advanceTimersByTime(10);
  expect(log).not.toContain('drain');
  // It stays full until it has said so.
  socket.bufferedAmount = MEBIBYTE - 1;
  expect(write('three', 0)).toBe(false);
  vi.advanceTimersByTime(10);
  expect(log.filter((each) => each === 'drain')).toHaveLength(1);
  expect(write('four', 0)).toBe(true);
  socket.bufferedAmount = 0;
  vi.advanceTimersByTime(50);
  expect(log.filter((each) => each === 'drain')).toHaveLength(1);
});

test('end() asks for an orderly close, and the connection ends with the close event, once, without an error', () => {
  const { socket, connection, log } = started();
  connection.end();
  expect([socket.closedWith, log]).toEqual([[1000], []]);
  socket.receive(new ArrayBuffer(3));
  socket.end(1000);
  socket.end(1006);
  expect(log).toEqual(['data 3', 'close undefined']);
});

test('destroy() ends it at once; nothing comes afterwards, and no timer is left', () => {
  const { socket, connection, log, write } = started();
  write('never', 10);
  connection.destroy();
  expect(log).toEqual(['close undefined']);
  expect(socket.closedWith).toHaveLength(1);
  expect(vi.getTimerCount()).toBe(0);
  socket.bufferedAmount = 0;
  socket.receive(new ArrayBuffer(3));
  socket.end(1006);
  vi.advanceTimersByTime(100);
  expect(log).toEqual(['close undefined']);
});

test('a text frame ends it at once, with a code that a page may send, and nothing behind it is read [MQTT-6.0.0-1]', () => {
  const { socket, log } = started();
  socket.receive('text');
  socket.receive(new ArrayBuffer(3));
  expect(socket.closedWith).toEqual([4003]);
  expect(log).toEqual([expect.stringMatching(/^close .*text frame/)]);
});

test('an error that the platform reports is the reason of the close that follows', () => {
  const { socket, log } = started();
  socket.dispatchEvent(new Event('error'));
  socket.end(1006);
  expect(log).toEqual(['close The WebSocket failed']);
});

test('a connection that has ended before start() says so there', () => {
  const socket = new ManualSocket();
  const connection = new PlatformConnection(socket as unknown as WebSocket);
  socket.end(1008, 'no');
  const ends: (Error | undefined)[] = [];
  connection.start({ data: () => undefined, drain: () => undefined, close: (error) => void ends.push(error) });
  expect(ends).toEqual([expect.objectContaining({ message: expect.stringMatching(/1008: no$/) })]);
});
