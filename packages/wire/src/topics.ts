// SPDX-License-Identifier: Apache-2.0

// Topic Names and Topic Filters (§4.7, §4.8.2).

import { MAXIMUM_STRING_BYTES, utf8Length } from './utf8.ts';
import { protocolError } from './wire-error.ts';

const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;
const DOLLAR = 0x24;
const SHARE = '$share/';

/**
 * Whether `topicName` may stand in a PUBLISH or as a Will Topic or Response Topic: not empty, no `+` or `#`, no U+0000,
 * no lone surrogate, at most 65,535 bytes of UTF-8.
 * @see MQTT v5.0 §4.7.1, §4.7.3
 */
export function isValidTopicName(topicName: string): boolean {
  return isText(topicName) && !hasWildcard(topicName);
}

/**
 * Whether `topicFilter` may stand in a SUBSCRIBE: `#` only last and alone in its level, `+` only alone in its level;
 * `$share/name/filter` with a name that is not empty and has no wildcard, and a valid filter. Otherwise as
 * {@link isValidTopicName}.
 * @see MQTT v5.0 §4.7, §4.8.2
 */
export function isValidTopicFilter(topicFilter: string): boolean {
  if (!isText(topicFilter)) return false;
  if (!topicFilter.startsWith(SHARE)) return hasValidLevels(topicFilter, 0);
  const slash = topicFilter.indexOf('/', SHARE.length); // [MQTT-4.8.2-1] [MQTT-4.8.2-2]
  if (slash <= SHARE.length || slash === topicFilter.length - 1) return false;
  return !hasWildcard(topicFilter.slice(SHARE.length, slash)) && hasValidLevels(topicFilter, slash + 1);
}

/**
 * Whether a message to `topicName` is one for `topicFilter`. Of `$share/name/filter` only the filter counts.
 * A leading wildcard matches no topic that begins with `$` [MQTT-4.7.2-1]; `a/#` also matches `a`; `+` also matches an
 * empty level; case counts and nothing is normalised. False when either is not valid.
 * @see MQTT v5.0 §4.7
 */
export function topicMatches(topicFilter: string, topicName: string): boolean {
  if (!isValidTopicFilter(topicFilter) || !isValidTopicName(topicName)) return false;
  let f = isSharedFilter(topicFilter) ? topicFilter.indexOf('/', SHARE.length) + 1 : 0;
  const first = topicFilter.charCodeAt(f);
  if ((first === PLUS || first === HASH) && topicName.charCodeAt(0) === DOLLAR) return false;
  let n = 0;
  for (;;) {
    // One level per turn; both indices are at the start of a level.
    const unit = topicFilter.charCodeAt(f);
    if (unit === HASH) return true;
    const nameEnd = levelEnd(topicName, n);
    const filterEnd = levelEnd(topicFilter, f);
    if (unit !== PLUS || filterEnd !== f + 1) {
      if (filterEnd - f !== nameEnd - n) return false;
      for (; f < filterEnd; f++, n++) if (topicFilter.charCodeAt(f) !== topicName.charCodeAt(n)) return false;
    }
    if (nameEnd === topicName.length) {
      // §4.7.1.2: "#" also stands for the parent level.
      return filterEnd === topicFilter.length || topicFilter.slice(filterEnd) === '/#';
    }
    if (filterEnd === topicFilter.length) return false;
    f = filterEnd + 1;
    n = nameEnd + 1;
  }
}

/** Whether the filter asks for a Shared Subscription. @internal */
export function isSharedFilter(topicFilter: string): boolean {
  return topicFilter.startsWith(SHARE);
}

/** @throws WireError 0x82 for a Topic Name (already known to be a legal string) that is empty or has a wildcard @internal */
export function checkTopicName(topicName: string, field: string): void {
  if (topicName === '') throw protocolError(`${field} is empty`); // [MQTT-4.7.3-1]
  if (hasWildcard(topicName)) throw protocolError(`${field} contains a wildcard`); // [MQTT-4.7.0-1]
}

/** @throws WireError 0x82 for a Topic Filter (already known to be a legal string) that breaks §4.7 or §4.8.2 @internal */
export function checkTopicFilter(topicFilter: string): void {
  if (!isValidTopicFilter(topicFilter)) throw protocolError(`Topic Filter ${JSON.stringify(topicFilter)} is not valid`);
}

function isText(value: string): boolean {
  if (typeof value !== 'string' || value === '' || value.length > MAXIMUM_STRING_BYTES) return false;
  const bytes = utf8Length(value);
  return bytes > 0 && bytes <= MAXIMUM_STRING_BYTES; // negative: U+0000 or a lone surrogate
}

function hasWildcard(topic: string): boolean {
  for (let i = 0; i < topic.length; i++) {
    const unit = topic.charCodeAt(i);
    if (unit === PLUS || unit === HASH) return true;
  }
  return false;
}

function hasValidLevels(filter: string, start: number): boolean {
  for (let i = start; i < filter.length; i++) {
    const unit = filter.charCodeAt(i);
    if (unit !== PLUS && unit !== HASH) continue;
    const aloneBefore = i === start || filter.charCodeAt(i - 1) === SLASH;
    const last = i === filter.length - 1;
    if (!aloneBefore) return false;
    if (unit === HASH ? !last : !last && filter.charCodeAt(i + 1) !== SLASH) return false; // [MQTT-4.7.1-1] [MQTT-4.7.1-2]
  }
  return true;
}

function levelEnd(topic: string, start: number): number {
  const slash = topic.indexOf('/', start);
  return slash < 0 ? topic.length : slash;
}
