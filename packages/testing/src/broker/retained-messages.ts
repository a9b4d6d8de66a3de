// SPDX-License-Identifier: Apache-2.0
import type { Message } from './message.ts';
import { detached, isExpired } from './message.ts';

interface Node {
  readonly children: Map<string, Node>;
  message: Message | undefined;
}

/**
 * Retained messages by topic name (§3.3.1.3). A tree of levels, so that a wildcard subscription visits its matches and
 * not every retained message of the broker.
 */
export class RetainedMessages {
  readonly #root: Node = makeNode();

  /**
   * Keeps the message for its topic; an empty payload removes what was there [MQTT-3.3.1-6] and is not kept itself
   * [MQTT-3.3.1-7].
   */
  store(message: Message): void {
    const levels = message.topicName.split('/');
    if (message.payload.byteLength === 0) {
      this.#remove(levels);
      return;
    }
    let node = this.#root;
    for (const level of levels) {
      let child = node.children.get(level);
      if (child === undefined) node.children.set(level, (child = makeNode()));
      node = child;
    }
    node.message = detached(message);
  }

  /** What matches the filter and is not expired; expired ones are removed on the way. Oldest topics first. */
  matching(topicFilter: string, now: number): Message[] {
    const found: Message[] = [];
    collect(this.#root, topicFilter.split('/'), 0, found);
    return found.filter((message) => {
      if (!isExpired(message, now)) return true;
      this.#remove(message.topicName.split('/'));
      return false;
    });
  }

  #remove(levels: readonly string[]): void {
    const path = [this.#root];
    for (const level of levels) {
      const child = path.at(-1)?.children.get(level);
      if (child === undefined) return;
      path.push(child);
    }
    const last = path.at(-1);
    if (last !== undefined) last.message = undefined;
    for (let depth = levels.length; depth > 0; depth--) {
      const node = path[depth];
      if (node === undefined || node.message !== undefined || node.children.size > 0) return;
      path[depth - 1]?.children.delete(levels[depth - 1] ?? '');
    }
  }
}

function collect(node: Node, levels: readonly string[], depth: number, found: Message[]): void {
  const level = levels[depth];
  if (level === undefined) {
    if (node.message !== undefined) found.push(node.message);
  } else if (level === '#') {
    collectAll(node, depth, found);
  } else if (level === '+') {
    for (const [name, child] of node.children) {
      if (!isHidden(name, depth)) collect(child, levels, depth + 1, found);
    }
  } else {
    const child = node.children.get(level);
    if (child !== undefined) collect(child, levels, depth + 1, found);
  }
}

/** `a/#` matches `a` too (§4.7.1.2). */
function collectAll(node: Node, depth: number, found: Message[]): void {
  if (node.message !== undefined) found.push(node.message);
  for (const [name, child] of node.children) {
    if (!isHidden(name, depth)) collectAll(child, depth + 1, found);
  }
}

/** [MQTT-4.7.2-1] */
function isHidden(level: string, depth: number): boolean {
  return depth === 0 && level.startsWith('$');
}

function makeNode(): Node {
  return { children: new Map(), message: undefined };
}
