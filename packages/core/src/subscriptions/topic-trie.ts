// SPDX-License-Identifier: Apache-2.0
//
// Which filters match a topic (§4.7). One node per level, so that a lookup costs the levels of the topic and the filters that
// match, not the filters there are.
//
//   a/+/c ─┐                 ┌─ '+' ── 'c' *
//   a/b    ├─►  root ── 'a' ─┼─ 'b' *
//   a/#    ┘                 └─ '#' *

interface Node<T> {
  /** Levels without wildcard, the empty one included. */
  readonly children: Map<string, Node<T>>;
  plus: Node<T> | undefined;
  /** Values of the filters that end in `#` below this level; they match this level too (§4.7.1.2). */
  rest: T[];
  /** Values of the filters that end here. */
  exact: T[];
}

/** Values by Topic Filter, found by Topic Name. Filters are without `$share/…/`; a filter may hold several values. */
export class TopicTrie<T> {
  readonly #root: Node<T> = newNode();
  #size = 0;

  /** Values there are. */
  get size(): number {
    return this.#size;
  }

  /** Nothing is left, not even an empty node. */
  get pruned(): boolean {
    return isEmpty(this.#root);
  }

  add(filter: string, value: T): void {
    let node = this.#root;
    const levels = filter.split('/');
    const last = levels.length - 1;
    for (let i = 0; i <= last; i++) {
      const level = levels[i] ?? '';
      if (level === '#' && i === last) {
        node.rest.push(value);
        this.#size++;
        return;
      }
      node = level === '+' ? (node.plus ??= newNode()) : childOf(node, level);
    }
    node.exact.push(value);
    this.#size++;
  }

  /** False, and nothing changed, when it was not there. Nodes that became empty are freed. */
  remove(filter: string, value: T): boolean {
    const levels = filter.split('/');
    const toRest = levels.at(-1) === '#';
    if (toRest) levels.pop();
    const path: Node<T>[] = [this.#root];
    for (const level of levels) {
      const parent = path.at(-1);
      const node = level === '+' ? parent?.plus : parent?.children.get(level);
      if (node === undefined) return false;
      path.push(node);
    }
    const node = path.at(-1);
    if (node === undefined || !take(toRest ? node.rest : node.exact, value)) return false;
    this.#size--;
    prune(path, levels);
    return true;
  }

  /** Adds the values of all filters that match to `into`, in no particular order. */
  match(topic: string, into: T[]): void {
    const levels = topic.split('/');
    // §4.7.2: a leading wildcard matches no topic that begins with "$".
    const wildcards = !topic.startsWith('$');
    // A stack of our own: a topic may have 65,536 levels, more than there are frames.
    const nodes: Node<T>[] = [this.#root];
    const depths: number[] = [0];
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      const depth = depths.pop() ?? 0;
      const mayBeWild = wildcards || depth > 0;
      if (mayBeWild && node.rest.length > 0) pushAll(node.rest, into);
      if (depth === levels.length) {
        if (node.exact.length > 0) pushAll(node.exact, into);
        continue;
      }
      if (mayBeWild && node.plus !== undefined) {
        nodes.push(node.plus);
        depths.push(depth + 1);
      }
      const child = node.children.get(levels[depth] ?? '');
      if (child !== undefined) {
        nodes.push(child);
        depths.push(depth + 1);
      }
    }
  }
}

function newNode<T>(): Node<T> {
  return { children: new Map(), plus: undefined, rest: [], exact: [] };
}

function childOf<T>(node: Node<T>, level: string): Node<T> {
  let child = node.children.get(level);
  if (child === undefined) {
    child = newNode();
    node.children.set(level, child);
  }
  return child;
}

function pushAll<T>(values: readonly T[], into: T[]): void {
  for (const value of values) into.push(value);
}

function take<T>(values: T[], value: T): boolean {
  const index = values.indexOf(value);
  if (index === -1) return false;
  values.splice(index, 1);
  return true;
}

/** `path[i + 1]` is what `levels[i]` led to. */
function prune<T>(path: readonly Node<T>[], levels: readonly string[]): void {
  for (let i = levels.length - 1; i >= 0; i--) {
    const node = path[i + 1];
    const parent = path[i];
    const level = levels[i];
    if (node === undefined || parent === undefined || level === undefined || !isEmpty(node)) return;
    if (level === '+') parent.plus = undefined;
    else parent.children.delete(level);
  }
}

function isEmpty<T>(node: Node<T>): boolean {
  return node.children.size === 0 && node.plus === undefined && node.rest.length === 0 && node.exact.length === 0;
}
