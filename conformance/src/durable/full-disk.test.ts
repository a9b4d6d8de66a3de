// SPDX-License-Identifier: Apache-2.0
//
// A whole gateway (client, SQLite session, file queue) on a disk that fills up while it works. What it refuses it refuses with
// a StoreError, and that never arrives; what it has accepted arrives once there is room again, at QoS 2 exactly once, also when
// the gateway was killed on the full disk.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { FilePublisherQueue } from '@mqttv5/queue-file';
import { SqliteSessionStore } from '@mqttv5/store-sqlite';
import { Child } from '@mqttv5/support/child';
import { SmallDisk } from '@mqttv5/support/small-disk';
import { expect, test } from 'vitest';
import { Receiver } from './receiver.ts';

const GATEWAY = new URL('gateway.ts', import.meta.url);
const DISK_KIBIBYTES = 2048;

/** What the gateways have said. */
class Told {
  readonly accepted = new Set<string>();
  readonly refused = new Map<string, string>();
  readonly stops: string[] = [];

  read(line: string): void {
    const [id = '', code = ''] = line.slice(1).split(' ');
    if (line.startsWith('+')) this.accepted.add(id);
    else if (line.startsWith('-')) this.refused.set(id, code);
    else if (line.startsWith('!')) this.stops.push(id);
    else assert.ok(line === 'open' || line === 'done', line);
  }

  /** Listens until so many more have been accepted, or refused. */
  async until(child: Child, kind: 'accepted' | 'refused', more: number): Promise<void> {
    for (const enough = this[kind].size + more; this[kind].size < enough; ) {
      const line = await child.line();
      assert.ok(line !== undefined, child.errors);
      this.read(line);
    }
  }

  /** Listens to everything a gateway has left to say. */
  async rest(child: Child): Promise<string> {
    let last = '';
    for (let line = await child.line(); line !== undefined; line = await child.line()) this.read((last = line));
    return last;
  }
}

function run(disk: SmallDisk, receiver: Receiver, name: string): Child {
  return Child.run(GATEWAY, disk.path, receiver.url, name);
}

function fill(disk: SmallDisk, child: Child): void {
  if (disk.isReal) disk.fill();
  else child.tell('full');
}

function free(disk: SmallDisk, child: Child): void {
  if (disk.isReal) disk.free();
  else child.tell('free');
}

async function expectNothingLost(disk: SmallDisk, { received }: Receiver, told: Told, kills: number): Promise<void> {
  expect(new Set([...told.refused.values(), ...told.stops])).toEqual(new Set(['STORE_FAILED']));
  expect([...told.accepted].filter((id) => !received.has(id))).toEqual([]);
  expect([...told.refused.keys()].filter((id) => received.has(id))).toEqual([]);
  // An accepted one may not have been told of when the gateway was killed.
  expect([...received.keys()].filter((id) => !told.accepted.has(id)).length).toBeLessThanOrEqual(kills);
  const twice = [...received].filter(([id, times]) => times > 1 && Number(id.split('-')[1]) % 2 === 0);
  expect(twice).toEqual([]);
  const queue = await FilePublisherQueue.open({ directory: join(disk.path, 'queue') });
  expect(await queue.peek(-1, 10)).toEqual([]);
  expect(queue.damaged).toEqual([]);
  await queue.close();
  const store = SqliteSessionStore.open({ path: join(disk.path, 'session.db') });
  expect([...store.load()].map(([key]) => key)).toEqual(['meta']);
  store.close();
}

test('a disk that fills up, and has room again, twice', { timeout: 60_000 }, async () => {
  const disk = new SmallDisk(DISK_KIBIBYTES);
  const receiver = await Receiver.start();
  const told = new Told();
  const child = run(disk, receiver, 'a');
  await told.until(child, 'accepted', 30);
  for (let round = 0; round < 2; round++) {
    fill(disk, child);
    await told.until(child, 'refused', 30);
    free(disk, child);
    await told.until(child, 'accepted', 60);
  }
  child.tell('stop');
  expect(await told.rest(child), child.errors).toBe('done');
  await expectNothingLost(disk, receiver, told, 0);
});

test('killed on the full disk, and started again once there is room', { timeout: 60_000 }, async () => {
  const disk = new SmallDisk(DISK_KIBIBYTES);
  const receiver = await Receiver.start();
  const told = new Told();
  for (const name of ['a', 'b', 'c']) {
    const child = run(disk, receiver, name);
    await told.until(child, 'accepted', 30);
    fill(disk, child);
    await told.until(child, 'refused', 20);
    await child.kill();
    await told.rest(child);
    if (disk.isReal) disk.free();
  }
  const last = run(disk, receiver, 'd');
  await told.until(last, 'accepted', 10);
  last.tell('stop');
  expect(await told.rest(last), last.errors).toBe('done');
  await expectNothingLost(disk, receiver, told, 3);
});
