// SPDX-License-Identifier: Apache-2.0
//
// Serves the page: three files, bundled once, and one button's worth of control.

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build } from 'esbuild';

/** What the page has to know; it finds it in its own HTML. */
export interface PageSettings {
  readonly webSocketUrl: string;
  readonly canCauseOutage: boolean;
}

export interface SiteOptions {
  /** 0: a free one. */
  readonly port: number;
  readonly webSocketUrl: string;
  /** Undefined where the broker is somebody else's. */
  readonly onOutage: (() => void) | undefined;
}

export interface Site {
  readonly url: string;
  close(): Promise<void>;
}

const page = join(import.meta.dirname, 'page');

export async function startSite({ port, webSocketUrl, onOutage }: SiteOptions): Promise<Site> {
  const settings: PageSettings = { webSocketUrl, canCauseOutage: onOutage !== undefined };
  const [html, css, script] = await Promise.all([
    readFile(join(page, 'index.html'), 'utf8'),
    readFile(join(page, 'style.css'), 'utf8'),
    bundle(),
  ]);
  // In an attribute, where nothing in a URL can end a script.
  const quoted = JSON.stringify(settings).replaceAll('&', '&amp;').replaceAll('"', '&quot;');
  const files: Readonly<Record<string, readonly [type: string, text: string]>> = {
    '/': ['text/html; charset=utf-8', html.replace('{{settings}}', quoted)],
    '/style.css': ['text/css; charset=utf-8', css],
    '/main.js': ['text/javascript; charset=utf-8', script],
  };
  const server = createServer(({ method, url = '/' }, response) => {
    if (method === 'POST' && url === '/outage' && onOutage) {
      onOutage();
      answer(response, 204, 'text/plain', '');
      return;
    }
    const [type, text] = files[url] ?? ['text/plain', ''];
    answer(response, url in files ? 200 : 404, type, text);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { port: actual } = server.address() as AddressInfo; // a TCP server that listens has one
  return {
    url: `http://127.0.0.1:${actual}/`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text);
}

async function bundle(): Promise<string> {
  // This program may run on the sources of the packages; then so does the page.
  const conditions = process.execArgv
    .filter((argument) => argument.startsWith('--conditions='))
    .map((argument) => argument.slice('--conditions='.length));
  const { outputFiles } = await build({
    entryPoints: [join(page, 'main.ts')],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions,
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}
