// SPDX-License-Identifier: Apache-2.0

interface Node<T> {
  readonly children: Map<string, Node<T>>;
  value: T | undefined;
}

/**
 * Topic filters to values, and for a topic name the values of all filters that match it (§4.7). The cost of a match
 * depends on the levels of the name, not on the number of filters.
 */
export class FilterTrie<T> {
  readonly #root: Node<T> = makeNode();

  get(topicFilter: string): T | undefined {
    let node: Node<T> | undefined = this.#root;
    for (const level of topicFilter.split('/')) {
      node = node.children.get(level);
      if (node === undefined) return undefined;
    }
    return node.value;
  }

  set(topicFilter: string, value: T): void {
    let node = this.#root;
    for (const level of topicFilter.split('/')) {
      let child = node.children.get(level);
      if (child === undefined) node.children.set(level, (child = makeNode()));
      node = child;
    }
    node.value = value;
  }

  /** Removes the filter and the branches nothing hangs on any more. */
  delete(topicFilter: string): void {
    const levels = topicFilter.split('/');
    const path = [this.#root];
    for (const level of levels) {
      const child = path.at(-1)?.children.get(level);
      if (child === undefined) return;
      path.push(child);
    }
    const last = path.at(-1);
    if (last !== undefined) last.value = undefined;
    for (let depth = levels.length; depth > 0; depth--) {
      const node = path[depth];
      if (node === undefined || node.value !== undefined || node.children.size > 0) return;
      path[depth - 1]?.children.delete(levels[depth - 1] ?? '');
    }
  }

  match(topicName: string): T[] {
    const found: T[] = [];
    collect(this.#root, topicName.split('/'), 0, topicName.startsWith('$'), found);
    return found;
  }
}

/** [MQTT-4.7.2-1]: a leading wildcard does not match a name that begins with $. */
function collect<T>(node: Node<T>, levels: readonly string[], depth: number, dollar: boolean, found: T[]): void {
  const wild = !(dollar && depth === 0);
  const hash = wild ? node.children.get('#') : undefined;
  if (hash?.value !== undefined) found.push(hash.value);
  const level = levels[depth];
  if (level === undefined) {
    if (node.value !== undefined) found.push(node.value);
    return;
  }
  const child = node.children.get(level);
  if (child !== undefined) collect(child, levels, depth + 1, dollar, found);
  const plus = wild ? node.children.get('+') : undefined;
  if (plus !== undefined) collect(plus, levels, depth + 1, dollar, found);
}

function makeNode<T>(): Node<T> {
  return { children: new Map(), value: undefined };
}
