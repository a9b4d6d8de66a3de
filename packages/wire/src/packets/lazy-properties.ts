// SPDX-License-Identifier: Apache-2.0

import type { QoS } from '../types.ts';
import { decodePublishProperties } from './publish-properties.ts';
import type { MakePublish } from './publish-reader.ts';
import type { PublishPacket, PublishProperties } from './publish.ts';

const RETAIN = 1;
const DUP = 8;

/** As `Decoder.next` gives a PUBLISH. @internal */
export const makePacket: MakePublish<PublishPacket> = (
  topicName,
  flags,
  packetIdentifier,
  _topicAlias,
  bytes,
  propertiesStart,
  payloadStart,
  end,
) => {
  // A literal each: an object that grows a key later is slower, and `properties: undefined` would be a key too many.
  const payload = new Uint8Array(bytes.buffer, bytes.byteOffset + payloadStart, end - payloadStart);
  const qos = ((flags >> 1) & 3) as QoS; // readPublish has refused 3
  const retain = (flags & RETAIN) !== 0;
  const dup = (flags & DUP) !== 0;
  if (propertiesStart === payloadStart) {
    return { type: 'publish', topicName, payload, qos, retain, dup, packetIdentifier };
  }
  const properties = lazyPublishProperties(bytes, propertiesStart, payloadStart);
  return { type: 'publish', topicName, payload, qos, retain, dup, packetIdentifier, properties };
};

/**
 * The properties of a checked block, decoded at the first use of the object: a proxy whose target fills itself in. To every reader (keys, spread, `in`,
 * JSON, deep equality, console.log) it is the plain object, also while it is still bytes.
 *
 * An accessor on the packet would do without a proxy, and costs 200 to 600 ns to define where the proxy costs 40
 * (Node 24): V8 has no fast way to make an object with an accessor of its own.
 * Not handled: `structuredClone` refuses every proxy; clone `{ ...packet.properties }`.
 */
function lazyPublishProperties(bytes: Uint8Array, start: number, end: number): PublishProperties {
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
