// SPDX-License-Identifier: Apache-2.0

import type { GroupMember, GroupOptions } from '../api/group.ts';
import {
  checkBoolean,
  checkInteger,
  checkObject,
  checkOneOf,
  checkOptions,
  checkString,
  given,
  invalidOption,
} from './check.ts';

export interface ResolvedGroupOptions {
  readonly shared: NonNullable<GroupOptions['shared']>;
  readonly publishPolicy: 'broadcast' | 'roundRobin' | 'hashByTopic';
  /** How many members have to succeed in a broadcast. */
  readonly needed: number;
  readonly sequentialLifecycle: boolean;
}

const OPTION_KEYS: readonly (keyof GroupOptions)[] = ['shared', 'publishPolicy', 'success', 'sequentialLifecycle'];
const MEMBER_KEYS: readonly (keyof GroupMember)[] = ['name', 'brokers', 'options'];

/** @throws MqttError `INVALID_OPTION` */
export function resolveGroupOptions(options: GroupOptions = {}, members: readonly GroupMember[]): ResolvedGroupOptions {
  checkOptions(options, 'GroupOptions', OPTION_KEYS);
  checkClientOptions(options.shared, 'shared');
  return {
    shared: { ...options.shared },
    publishPolicy: checkOneOf(given(options.publishPolicy, 'broadcast'), 'publishPolicy', [
      'broadcast',
      'roundRobin',
      'hashByTopic',
    ]),
    needed: neededSuccesses(given(options.success, 'all'), members.length),
    sequentialLifecycle: checkBoolean(given(options.sequentialLifecycle, false), 'sequentialLifecycle'),
  };
}

/** The members with their names. @throws MqttError `INVALID_OPTION` for no member, a name twice, an unknown key */
export function resolveGroupMembers(
  members: readonly GroupMember[],
): readonly (GroupMember & { readonly name: string })[] {
  const list: unknown = members;
  if (!Array.isArray(list) || list.length === 0) throw invalidOption('A group needs at least one member');
  const names = new Set<string>();
  return members.map((member, index) => {
    checkOptions(member, 'GroupMember', MEMBER_KEYS);
    checkClientOptions(member.options, 'options of a GroupMember');
    const name = checkString(given(member.name, `member-${index + 1}`), 'name');
    if (names.has(name)) throw invalidOption(`Two members are named "${name}"`);
    names.add(name);
    return { ...member, name };
  });
}

/** The rest of them is checked by the clients. */
function checkClientOptions(options: GroupOptions['shared'], name: string): void {
  if (options === undefined) return;
  checkObject(options, name);
  // It would be overruled, and nobody would know.
  if ('brokers' in options) throw invalidOption(`${name} must not have brokers: each member has its own`);
}

function neededSuccesses(success: NonNullable<GroupOptions['success']>, members: number): number {
  if (success === 'all') return members;
  if (success === 'any') return 1;
  checkOptions(success, 'success', ['quorum']);
  return checkInteger(success.quorum, 'success.quorum', 1, members);
}
