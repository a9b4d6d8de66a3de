// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { Repository } from './repository.ts';
import { rules } from './rules.ts';

const publishedExports = { '.': { types: './dist/index.d.ts', default: './dist/index.js' } };

/** Files that keep every rule; a case adds or replaces some. */
const sound: Readonly<Record<string, string>> = {
  'packages/wire/package.json': manifest('@mqttv5/wire', {}),
  'packages/wire/src/index.ts': source(`export { encode } from './encode.ts';`),
  'packages/wire/src/encode.ts': source('export const encode = 1;'),
  'packages/core/package.json': manifest('@mqttv5/core', {
    dependencies: { '@mqttv5/wire': 'workspace:^' },
    imports: {
      '#tcp': {
        '@mqttv5/source': { browser: './src/connection/tcp-dial-browser.ts', default: './src/connection/tcp-dial.ts' },
      },
    },
    publishConfig: { exports: publishedExports, imports: { '#tcp': {} } },
  }),
  'packages/core/src/index.ts': source(`export { Client } from './client.ts';`),
  'packages/core/src/client.ts': source(
    `import { supervisor } from './supervisor/supervisor.ts';\nexport const Client = supervisor;`,
  ),
  'packages/core/src/errors.ts': source('export class MqttError extends Error {}'),
  'packages/core/src/session/engine.ts': source(
    `import { encode } from '@mqttv5/wire';\nimport { MqttError } from '../errors.ts';\n// no timer here\nexport const handleTimeout = (now: number) => [encode, MqttError, now];`,
  ),
  'packages/core/src/connection/tcp-dial.ts': source(
    `import { connect } from 'node:net';\nexport const tcpDial = connect;`,
  ),
  'packages/core/src/connection/tcp-dial-browser.ts': source('export const tcpDial = undefined;'),
  'packages/core/src/supervisor/supervisor.ts': source(
    `import { tcpDial } from '#tcp';\nimport '../session/engine.ts';\nexport const supervisor = setTimeout(tcpDial, 1);`,
  ),
  'packages/core/src/typed.ts': source(`import { Client } from './client.ts';\nexport const Typed = Client;`),
  'packages/codec-json/package.json': manifest('@mqttv5/codec-json', {
    peerDependencies: { '@mqttv5/core': 'workspace:^' },
  }),
  'packages/codec-json/src/index.ts': source(`import '@mqttv5/core';\nexport const jsonCodec = 1;`),
  'packages/queue-file/package.json': manifest('@mqttv5/queue-file', {
    peerDependencies: { '@mqttv5/core': 'workspace:^' },
  }),
  'packages/queue-file/src/index.ts': source(`import { open } from 'node:fs';\nexport const queue = [open, Buffer];`),
  'pnpm-lock.yaml': `lockfileVersion: '9.0'\n`,
};

test.each(rules)('sound files keep: $name', ({ check }) => {
  expect(check(new Repository(Object.entries(sound)))).toEqual([]);
});

describe.each<{ rule: string; cases: { name: string; files: Record<string, string>; message: string }[] }>([
  {
    rule: 'wire imports nothing',
    cases: [
      { name: 'a package', files: { 'packages/wire/src/a.ts': source(`import x from 'x';`) }, message: 'imports x' },
      {
        name: 'a type',
        files: { 'packages/wire/src/a.ts': source(`import type { x } from 'x';`) },
        message: 'imports x',
      },
      {
        name: 'later',
        files: { 'packages/wire/src/a.ts': source(`await import('node:fs');`) },
        message: 'imports node:fs',
      },
      {
        name: 'to export',
        files: { 'packages/wire/src/a.ts': source(`export { x } from 'x';`) },
        message: 'imports x',
      },
    ],
  },
  {
    rule: 'the session engine is pure',
    cases: [
      { name: 'a clock', files: session('const now = Date.now();'), message: 'mentions Date' },
      { name: 'a timer', files: session('setTimeout(() => 1, 1);'), message: 'mentions setTimeout' },
      { name: 'a promise as a type', files: session('let x: Promise<void>;'), message: 'mentions Promise' },
      {
        name: 'a promise by another name',
        files: session('let x: MaybePromise<void>;'),
        message: 'mentions MaybePromise',
      },
      { name: 'a socket', files: session('export interface A { socket: unknown }'), message: 'mentions socket' },
      { name: 'a logger', files: session('export interface A { logger: unknown }'), message: 'mentions logger' },
      { name: 'an async function', files: session('export async function f() {}'), message: 'uses async' },
      { name: 'an async arrow', files: session('export const f = async () => 1;'), message: 'uses async' },
      { name: 'an await', files: session('await 1;'), message: 'uses await' },
      { name: 'a for await', files: session('for await (const x of []) x;'), message: 'uses for await' },
      { name: 'chance', files: session('export const x = Math.random();'), message: 'mentions random' },
      { name: 'a package', files: session(`import 'node:net';`), message: 'imports node:net' },
    ],
  },
  {
    rule: 'imports in core point down',
    cases: [
      {
        name: 'the engine imports the supervisor',
        files: session(`import '../supervisor/supervisor.ts';`),
        message: 'is of the layer "session" and imports ../supervisor/supervisor.ts of "supervisor"',
      },
      {
        name: 'a module on top uses an internal',
        files: { 'packages/core/src/typed.ts': source(`import './session/engine.ts';`) },
        message: 'is of the layer "on top" and imports ./session/engine.ts of "session"',
      },
      {
        name: 'a type goes up',
        files: { 'packages/core/src/errors.ts': source(`import type { Client } from './client.ts';`) },
        message: 'is of the layer "api" and imports ./client.ts of "client"',
      },
      {
        name: 'an alias goes up',
        files: { 'packages/core/src/subscriptions/trie.ts': source(`import '#tcp';`) },
        message: 'is of the layer "subscriptions" and imports #tcp of "connection"',
      },
      {
        name: 'a file without a layer',
        files: { 'packages/core/src/utils.ts': source('') },
        message: 'belongs to no layer: give it one in scripts/boundaries/layers.ts',
      },
    ],
  },
  {
    rule: 'no package reaches into another',
    cases: [
      {
        name: 'by a path',
        files: { 'packages/codec-json/src/a.ts': source(`import '../../core/src/client.ts';`) },
        message: 'imports ../../core/src/client.ts instead of the package',
      },
      {
        name: 'by a deep import',
        files: { 'packages/codec-json/src/a.ts': source(`import '@mqttv5/core/src/client.ts';`) },
        message: 'imports @mqttv5/core/src/client.ts',
      },
      {
        name: 'in a test',
        files: { 'conformance/src/a.test.ts': source(`import '../../packages/wire/src/index.ts';`) },
        message: 'imports ../../packages/wire/src/index.ts instead of the package',
      },
    ],
  },
  {
    rule: 'packages depend downwards',
    cases: [
      {
        name: 'wire depends on something',
        files: { 'packages/wire/package.json': manifest('@mqttv5/wire', { dependencies: { x: '1' } }) },
        message: 'depends on x: wire depends on nothing',
      },
      {
        name: 'core depends on more than wire',
        files: { 'packages/core/package.json': manifest('@mqttv5/core', { dependencies: { x: '1' } }) },
        message: 'depends on x: core depends on wire alone',
      },
      {
        name: 'an adapter brings its own core',
        files: {
          'packages/codec-json/package.json': manifest('@mqttv5/codec-json', {
            dependencies: { '@mqttv5/core': '1' },
            peerDependencies: { '@mqttv5/core': '1' },
          }),
        },
        message: 'depends on @mqttv5/core: adapters know core, as a peer',
      },
      {
        name: 'an adapter forgets core',
        files: { 'packages/codec-json/package.json': manifest('@mqttv5/codec-json', {}) },
        message: 'lacks core among its peer dependencies',
      },
    ],
  },
  {
    rule: 'browser entries reach no Node',
    cases: [
      {
        name: 'without a browser condition',
        files: {
          'packages/core/package.json': manifest('@mqttv5/core', {
            imports: { '#tcp': { default: './src/connection/tcp-dial.ts' } },
          }),
        },
        message: 'imports node:net and is reached from a browser entry',
      },
      {
        name: 'a built-in without its prefix',
        files: { 'packages/wire/src/encode.ts': source(`import 'buffer';\nexport const encode = 1;`) },
        message: 'imports buffer and is reached from a browser entry',
      },
      {
        name: 'the global Buffer',
        files: { 'packages/wire/src/encode.ts': source('export const encode = Buffer.alloc(1);') },
        message: 'uses the global Buffer and is reached from a browser entry',
      },
      {
        name: 'through another package',
        files: {
          'packages/codec-json/src/index.ts': source(`import '@mqttv5/core';`),
          'packages/core/src/index.ts': source(`import 'node:fs';`),
        },
        message: 'imports node:fs and is reached from a browser entry',
      },
    ],
  },
  {
    rule: 'an index is an explicit list',
    cases: [
      {
        name: 'a star',
        files: { 'packages/wire/src/index.ts': source(`export * from './encode.ts';`) },
        message: 'has an export *',
      },
    ],
  },
  {
    rule: 'what is published names no sources',
    cases: [
      {
        name: 'exports as they are',
        files: { 'packages/wire/package.json': manifest('@mqttv5/wire', { publishConfig: {} }) },
        message: `publishConfig.exports should be ${JSON.stringify(publishedExports)}`,
      },
    ],
  },
  {
    rule: 'every source file has its SPDX header',
    cases: [
      {
        name: 'none',
        files: { 'scripts/a.mjs': 'export {};\n' },
        message: `lacks "SPDX-License-Identifier: Apache-2.0" in its first line`,
      },
    ],
  },
  {
    rule: 'nothing tells where it was written',
    cases: [
      // Put together here, so that this file keeps the rule itself.
      {
        name: 'a home',
        files: { 'a.md': `see ${'/home'}/ada/x` },
        message: `names a path of a machine: ${'/home'}/ada/`,
      },
      {
        name: 'a checkout',
        files: { 'a.md': `see ${'/work'}/main/x` },
        message: `names a path of a machine: ${'/work'}/main/`,
      },
      {
        name: 'a registry',
        files: { '.npmrc': `registry=https://${'registry'}.example.com` },
        message: `names a registry: ${'registry'}.example.com`,
      },
      {
        name: 'a token',
        files: { '.npmrc': `//x/:${'_auth'}Token=abc` },
        message: `looks like a token: ${'_auth'}Token`,
      },
      {
        name: 'a key',
        files: { 'a.pem': `-----BEGIN ${'PRIVATE'} KEY-----\nabc` },
        message: `contains a private key: -----BEGIN ${'PRIVATE'} KEY-----\n`,
      },
    ],
  },
  {
    rule: 'the lockfile records no download addresses',
    cases: [
      {
        name: 'a tarball',
        files: { 'pnpm-lock.yaml': `    resolution: {tarball: https://example.com/x.tgz}` },
        message: 'resolution: {tarball: https://example.com/x.tgz}',
      },
    ],
  },
])('$rule', ({ rule, cases }) => {
  test.each(cases)('broken by: $name', ({ files, message }) => {
    const violations = rules
      .find(({ name }) => name === rule)
      ?.check(new Repository(Object.entries({ ...sound, ...files })));
    expect(violations?.map((violation) => violation.message)).toContain(message);
  });
});

test('comments and strings are no mentions', () => {
  const files = session(`// a timer, a socket, Date\nexport const text = 'Promise setTimeout';`);
  const rule = rules.find(({ name }) => name === 'the session engine is pure');
  expect(rule?.check(new Repository(Object.entries({ ...sound, ...files })))).toEqual([]);
});

test('a global that is asked for first may be used', () => {
  const text = `export const encode = typeof process === 'object' ? process : undefined;`;
  const rule = rules.find(({ name }) => name === 'browser entries reach no Node');
  const files = { 'packages/wire/src/encode.ts': source(text) };
  expect(rule?.check(new Repository(Object.entries({ ...sound, ...files })))).toEqual([]);
});

test('a part of the client names its type, and no more', () => {
  const rule = rules.find(({ name }) => name === 'imports in core point down');
  const check = (text: string): number | undefined => {
    const files = { 'packages/core/src/request-response.ts': source(text) };
    return rule?.check(new Repository(Object.entries({ ...sound, ...files }))).length;
  };
  expect(check(`import type { Client } from './client.ts';`)).toBe(0);
  expect(check(`import { type Client } from './client.ts';`)).toBe(0);
  expect(check(`import { Client } from './client.ts';`)).toBe(1);
});

test('a property or a parameter called process is not the global', () => {
  const files = {
    'packages/wire/src/encode.ts': source(
      'export const encode = (process: number, x: { Buffer: 1 }) => process + x.Buffer;',
    ),
  };
  const rule = rules.find(({ name }) => name === 'browser entries reach no Node');
  expect(rule?.check(new Repository(Object.entries({ ...sound, ...files })))).toEqual([]);
});

function source(text: string): string {
  return `// SPDX-License-Identifier: Apache-2.0\n${text}\n`;
}

function session(text: string): Record<string, string> {
  return { 'packages/core/src/session/broken.ts': source(text) };
}

function manifest(name: string, fields: object): string {
  const exports = {
    '.': { '@mqttv5/source': './src/index.ts', types: './dist/index.d.ts', default: './dist/index.js' },
  };
  return JSON.stringify({ name, exports, publishConfig: { exports: publishedExports }, ...fields });
}
