// SPDX-License-Identifier: Apache-2.0

/** The element of index.html with that id, which is of that kind. */
export function element<E extends HTMLElement>(id: string, kind: abstract new () => E): E {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`index.html has no such element: ${id}`);
  return found;
}
