// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import type { GroupMember, GroupOptions } from '../api/group.ts';
import { ClientGroup } from '../client-group.ts';
import { MemorySessionStore } from '../memory-session-store.ts';

const invalid: unknown = expect.objectContaining({ code: 'INVALID_OPTION' });
const brokers = 'mqtt://127.0.0.1:1';

test.each([
  undefined,
  null,
  {},
  [],
  [undefined],
  [{ brokers, name: null }],
  [{ brokers, options: 5 }],
  [{ brokers, options: { brokers } }],
])('a group is not made of %j', (members) => {
  // What a program without types may pass.
  expect(() => new ClientGroup(members as GroupMember[])).toThrow(invalid);
});

test.each([
  null,
  { shared: 5 },
  { shared: { brokers } },
  { shared: { clean: true } },
  { success: 'most' },
  { success: null },
])('a group has no options %j', (options) => {
  expect(() => new ClientGroup([{ brokers }], options as GroupOptions)).toThrow(invalid);
});

test('members do not share a store: each has a session of its own', () => {
  const store = new MemorySessionStore();
  const members = [{ brokers }, { brokers, options: { store: new MemorySessionStore() } }, { brokers }];
  expect(() => new ClientGroup(members, { shared: { store } })).toThrow(invalid);
  expect(new ClientGroup(members.slice(1), { shared: { store } }).members).toHaveLength(2);
});

test('undefined is absent', () => {
  const members = [{ name: undefined, brokers, options: undefined }];
  const options = { shared: undefined, publishPolicy: undefined, success: undefined, sequentialLifecycle: undefined };
  expect(new ClientGroup(members, options).members.map(({ name }) => name)).toEqual(['member-1']);
});
