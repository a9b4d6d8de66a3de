// SPDX-License-Identifier: Apache-2.0
// Who may import whom inside core. The order of the list is the order of the layers, lowest first.

export interface Layer {
  name: string;
  /** What belongs to it, relative to packages/core/src. */
  files: RegExp;
  /** Other layers it may import. Its own files it always may. */
  imports: readonly string[];
}

export const CORE = 'packages/core/src/';

export const layers: readonly Layer[] = [
  // Declarations and errors: what programs see and every layer speaks.
  { name: 'api', files: /^(api\/|errors\.ts$|errors\/)/, imports: [] },
  { name: 'options', files: /^(options\/|backoff\.ts$|broker-url\.ts$|topics\/)/, imports: ['api'] },
  // What the layers above pass to each other: time, counters. Not for the engine, which gets `now` as a number.
  { name: 'clock', files: /^((virtual-)?clock|stats)\.ts$/, imports: ['api'] },
  // The protocol brain. The rule "pure session" holds it to much more than its imports.
  { name: 'session', files: /^session\//, imports: ['api'] },
  { name: 'transport', files: /^transport\//, imports: ['api', 'options'] },
  { name: 'stores', files: /^((stores?|queues?)\/|memory-)/, imports: ['api', 'options'] },
  { name: 'auth', files: /^auth\//, imports: ['api', 'options'] },
  { name: 'connection', files: /^connection\//, imports: ['api', 'options', 'clock', 'session', 'transport'] },
  { name: 'subscriptions', files: /^subscriptions\//, imports: ['api', 'options', 'clock', 'session'] },
  {
    name: 'supervisor',
    files: /^supervisor\//,
    imports: ['api', 'options', 'clock', 'session', 'transport', 'stores', 'auth', 'connection', 'subscriptions'],
  },
  {
    name: 'client',
    files: /^(client\/|client\.ts$|connect\.ts$)/,
    imports: [
      'api',
      'options',
      'clock',
      'session',
      'transport',
      'stores',
      'auth',
      'connection',
      'subscriptions',
      'supervisor',
    ],
  },
  // Modules on top are the test of the public API: they use it and nothing else of core.
  {
    name: 'on top',
    files: /^(typed|topic-template|request-response|client-group|publisher-pool|queue-publisher)(\/|\.ts$)/,
    imports: ['api', 'options', 'clock', 'client'],
  },
  {
    name: 'index',
    files: /^index\.ts$/,
    imports: ['api', 'options', 'transport', 'stores', 'auth', 'subscriptions', 'client', 'on top'],
  },
];

/** The layer of a file of core, by its path from the root of the repository. */
export function layerOf(path: string): Layer | undefined {
  return layers.find(({ files }) => files.test(path.slice(CORE.length)));
}
