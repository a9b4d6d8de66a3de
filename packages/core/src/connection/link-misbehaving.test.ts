// SPDX-License-Identifier: Apache-2.0
//
// A connection that a program's own dial made, and that calls back when it should not or throws: nothing is told twice.

import { encode } from '@mqttv5/wire';
import { describe, expect, test } from 'vitest';
import { mqttError } from '../errors.ts';
import { settled } from '../virtual-clock.ts';
import { MemoryConnection, openLink, publish } from './testing-transport.ts';
import type { OpenLink } from './testing-transport.ts';
import { expectNothingLeft, NORMAL } from '../../test/connection/closed-link.ts';

describe("a connection of a user's dial that misbehaves", () => {
  test('closes inside write(): the end comes afterwards, once', async () => {
    const open = await openLink();
    open.connection.onWrite = () => open.connection.close(new Error('inside'));
    open.link.send(publish('a'));
    await settled();
    expect(open.ends).toMatchObject([{ error: { code: 'CONNECTION_LOST' } }]);
    expectNothingLeft(open);
  });

  test('closes inside the write() of an answer to a packet: the rest of the chunk is handed out', async () => {
    const open: OpenLink = await openLink({
      onPacket: (packet) => {
        open.received.push(packet);
        open.link.send(publish('answer', 100_000));
      },
    });
    open.connection.onWrite = () => open.connection.close();
    open.connection.send(publish('1'), publish('2'));
    expect(open.ends).toEqual([]);
    await settled();
    expect(open.received).toHaveLength(2);
    expectNothingLeft(open);
  });

  test('throws in write(), pause(), resume() or end()', async () => {
    const boom = (): never => {
      throw new Error('broken');
    };
    const actions: [keyof MemoryConnection, (open: OpenLink) => unknown][] = [
      ['write', (open) => open.link.send(publish('a'))],
      ['pause', (open) => open.link.pause()],
      ['end', (open) => open.link.disconnect(NORMAL)],
    ];
    for (const [method, act] of actions) {
      const open = await openLink();
      Object.assign(open.connection, { [method]: boom });
      act(open);
      await settled();
      expectNothingLeft(open);
    }
    const open = await openLink();
    Object.assign(open.connection, { resume: boom });
    open.link.pause();
    open.link.resume();
    await settled();
    expectNothingLeft(open);
  });

  test('throws in destroy(), or reports its close only then', async () => {
    const open = await openLink();
    open.connection.destroy = () => {
      open.connection.destroyed = true;
      open.connection.close();
      throw new Error('broken');
    };
    open.link.destroy(mqttError('CONNECTION_LOST', 'cut'));
    await settled();
    expectNothingLeft(open);
  });

  test('hands over data and closes again after its end', async () => {
    const connection = new MemoryConnection();
    let handlers: Parameters<MemoryConnection['start']>[0] | undefined;
    const start = connection.start.bind(connection);
    connection.start = (given) => {
      handlers = given;
      start(given);
    };
    const open = await openLink({ connection });
    handlers?.close();
    handlers?.data(encode(publish('late')));
    await settled();
    handlers?.data(encode(publish('later')));
    handlers?.close(new Error('again'));
    await settled();
    expect(open.received).toEqual([]);
    expectNothingLeft(open);
  });

  test('never calls `written`: disconnect() ends all the same', async () => {
    const open = await openLink();
    open.connection.stalled = true;
    open.link.send(publish('a', 1_000_000));
    const done = open.link.disconnect(NORMAL);
    await settled();
    await done;
    expect(open.connection.take().at(-1)).toEqual(NORMAL);
    expectNothingLeft(open);
  });

  test('hands over data inside write(): packets stay in order', async () => {
    const connection = new MemoryConnection();
    const open: OpenLink = await openLink({
      connection,
      onPacket: (packet) => {
        open.received.push(packet);
        if (open.received.length === 1) open.link.send(publish('out', 100_000));
      },
    });
    connection.onWrite = () => {
      connection.onWrite = undefined;
      connection.send(publish('3'));
    };
    connection.send(publish('1'), publish('2'));
    await settled();
    expect(open.received).toEqual(['1', '2', '3'].map((topic) => publish(topic)));
  });
});
