// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const TYPES: readonly (readonly [end: string, type: string])[] = [
  ['.js', 'text/javascript'],
  ['', 'text/html; charset=utf-8'],
];

/** Serves texts by path on a free loopback port. */
export async function serve(files: Readonly<Record<string, string>>): Promise<AsyncDisposable & { url: string }> {
  const server = createServer(({ url = '/' }, response) => {
    const text = files[url];
    const type = TYPES.find(([end]) => url.endsWith(end))?.[1] ?? '';
    response.writeHead(text === undefined ? 404 : 200, { 'content-type': type }).end(text);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    // A TCP listener has an address object.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
