// SPDX-License-Identifier: Apache-2.0

// The properties of a received PUBLISH: checked when the packet is read, decoded when they are first looked at. Most
// subscribers never look, and the strings cost far more than the check. (codec.bench.ts: decode PUBLISH, 5 user properties)

import { readPropertyBlock } from '../property-reader.ts';
import { Reader } from '../reader.ts';
import { hexByte } from '../reason-codes.ts';
import { CLIENT } from '../sides.ts';
import { refuseWildcards } from '../topic-cache.ts';
import { INVALID, scanWords } from '../utf8.ts';
import { malformed, protocolError, zeroTopicAlias } from '../wire-error.ts';
import { PROPERTIES, type PublishProperties } from './publish.ts';

/** A bit for each property that may be there once. */
const SINGLE = new Uint8Array(256);
for (const [index, id] of [0x01, 0x02, 0x03, 0x08, 0x09, 0x23].entries()) SINGLE[id] = 1 << index;

/**
 * Checks the property block `bytes[start, end)` of a PUBLISH as `readPropertyBlock` would, without making anything.
 * The rules are those of the table; a test holds the two against each other.
 * @returns the Topic Alias, or 0 when there is none
 */
export function checkPublishProperties(
  bytes: Uint8Array,
  words: DataView,
  start: number,
  end: number,
  from: number,
): number {
  let seen = 0;
  let alias = 0;
  let i = start;
  while (i < end) {
    const id = bytes[i++] as number; // i < end <= bytes.length
    if (id === 0x26) {
      i = skipString(bytes, words, skipString(bytes, words, i, end), end);
      continue;
    }
    if (id === 0x0b) {
      if (from === CLIENT) throw protocolError('PUBLISH of a client has a Subscription Identifier'); // [MQTT-3.3.4-6]
      i = skipIdentifier(bytes, i, end);
      continue;
    }
    const bit = SINGLE[id] ?? 0;
    if ((seen & bit) !== 0) throw protocolError(`PUBLISH has property ${hexByte(id)} twice`);
    seen |= bit;
    switch (id) {
      case 0x01:
        if (i >= end) throw truncated();
        if ((bytes[i] as number) > 1) throw protocolError('Payload Format Indicator is neither 0 nor 1');
        i += 1;
        break;
      case 0x02:
        i += 4;
        break;
      case 0x03:
        i = skipString(bytes, words, i, end);
        break;
      case 0x08: {
        const next = skipString(bytes, words, i, end);
        if (next === i + 2) throw protocolError('Response Topic is empty');
        refuseWildcards(bytes, i + 2, next, 'Response Topic'); // [MQTT-3.3.2-14]
        i = next;
        break;
      }
      case 0x09:
        i = skipBinary(bytes, i, end);
        break;
      case 0x23:
        if (end - i < 2) throw truncated();
        alias = ((bytes[i] as number) << 8) | (bytes[i + 1] as number);
        if (alias === 0) throw zeroTopicAlias();
        i += 2;
        break;
      default:
        throw malformed(`PUBLISH may not carry property ${hexByte(id)}`);
    }
  }
  if (i > end) throw truncated();
  return alias;
}

function skipBinary(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 2) throw truncated();
  const next = start + 2 + (((bytes[start] as number) << 8) | (bytes[start + 1] as number));
  if (next > end) throw truncated();
  return next;
}

function skipString(bytes: Uint8Array, words: DataView, start: number, end: number): number {
  const next = skipBinary(bytes, start, end);
  if (scanWords(bytes, words, start + 2, next) === INVALID)
    throw malformed('PUBLISH property is not valid UTF-8 or contains U+0000');
  return next;
}

function skipIdentifier(bytes: Uint8Array, start: number, end: number): number {
  const reader = new Reader(bytes, start, end);
  if (reader.variableByteInteger('Subscription Identifier') === 0) throw protocolError('Subscription Identifier is 0');
  return reader.position;
}

function truncated(): Error {
  return malformed('PUBLISH property runs past the end of the property block');
}

/** The properties of a checked block. */
export function decodePublishProperties(bytes: Uint8Array, start: number, end: number): PublishProperties {
  return readPropertyBlock({}, new Reader(bytes, start, end), PROPERTIES) as PublishProperties; // PROPERTIES holds its fields
}

/**
 * The same, at the first use of the object: a proxy whose target fills itself in. To every reader (keys, spread, `in`,
 * JSON, deep equality, console.log) it is the plain object, also while it is still bytes.
 *
 * An accessor on the packet would do without a proxy, and costs 200 to 600 ns to define where the proxy costs 40
 * (Node 24): V8 has no fast way to make an object with an accessor of its own.
 * Not handled: `structuredClone` refuses every proxy; clone `{ ...packet.properties }`.
 */
export function lazyPublishProperties(bytes: Uint8Array, start: number, end: number): PublishProperties {
  return new Proxy(new LazyTarget(bytes, start, end), TRAPS) as PublishProperties; // its keys after `fill`
}

class LazyTarget {
  #bytes: Uint8Array | undefined;
  readonly #start: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
  }

  /** The target with its properties decoded; the bytes are let go. */
  static fill(target: LazyTarget): LazyTarget {
    const bytes = target.#bytes;
    if (bytes !== undefined) {
      target.#bytes = undefined;
      Object.assign(target, decodePublishProperties(bytes, target.#start, target.#end));
    }
    return target;
  }

  static {
    // util.inspect looks at the target behind a proxy without asking the traps; this is where it asks instead.
    // Everything else a program can see is inherited from Object.prototype.
    Object.defineProperty(this.prototype, 'constructor', { value: Object });
    Object.defineProperty(this.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value(this: object): object {
        return { ...this };
      },
    });
  }
}

const TRAPS: ProxyHandler<LazyTarget> = {
  get: (target, key): unknown => Reflect.get(LazyTarget.fill(target), key),
  set: (target, key, value) => Reflect.set(LazyTarget.fill(target), key, value),
  has: (target, key) => Reflect.has(LazyTarget.fill(target), key),
  ownKeys: (target) => Reflect.ownKeys(LazyTarget.fill(target)),
  getOwnPropertyDescriptor: (target, key) => Reflect.getOwnPropertyDescriptor(LazyTarget.fill(target), key),
  defineProperty: (target, key, descriptor) => Reflect.defineProperty(LazyTarget.fill(target), key, descriptor),
  deleteProperty: (target, key) => Reflect.deleteProperty(LazyTarget.fill(target), key),
  getPrototypeOf: () => Object.prototype,
  preventExtensions(target) {
    // Once a target cannot be extended, a proxy must not hide its real prototype: from here on it is a plain object.
    Object.setPrototypeOf(LazyTarget.fill(target), Object.prototype);
    return Reflect.preventExtensions(target);
  },
};
