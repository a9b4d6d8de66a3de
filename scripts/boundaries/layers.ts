// SPDX-License-Identifier: Apache-2.0
// Who may import whom inside core. The order of the list is the order of the layers, lowest first.

export interface Layer {
  name: string;
  /** What belongs to it, relative to packages/core/src. */
  files: RegExp;
  /** Other layers it may import. Its own files it always may. */
  imports: readonly string[];
  /** Layers of which it may name the types, which leaves nothing at run time. */
  types?: readonly string[];
}

export const CORE = 'packages/core/src/';

const layers: readonly Layer[] = [
  // Declarations and errors: what programs see and every layer speaks.
  { name: 'api', files: /^(api\/|errors\.ts$)/, imports: [] },
  { name: 'options', files: /^(options\/|backoff\.ts$|broker-url\.ts$)/, imports: ['api'] },
  // Small things anybody may use, except the engine: it gets `now` as a number.
  { name: 'foundation', files: /^((virtual-)?clock|stats|fnv1a|turns|abort)\.ts$/, imports: ['api'] },
  // The protocol brain. The rule "the session engine is pure" holds it to much more than its imports.
  { name: 'session', files: /^session\//, imports: ['api'] },
  { name: 'stores', files: /^memory-(session-store|publisher-queue)\.ts$/, imports: ['api', 'options', 'foundation'] },
  { name: 'auth', files: /^(scram-authenticator|saslprep)\.ts$/, imports: ['api', 'options'] },
  { name: 'connection', files: /^connection\//, imports: ['api', 'options', 'foundation', 'session'] },
  { name: 'subscriptions', files: /^subscriptions\//, imports: ['api', 'options', 'foundation', 'session'] },
  // The one private seam: what QueuePublisher needs of the session beyond the public API (an exchange under a Ref). The
  // queue names its types; the client hands over the object.
  { name: 'producer seam', files: /^supervisor\/producers\.ts$/, imports: ['api', 'options', 'session', 'foundation'] },
  {
    name: 'supervisor',
    files: /^supervisor\//,
    imports: ['api', 'options', 'foundation', 'session', 'stores', 'connection', 'subscriptions', 'producer seam'],
  },
  // What the client offers beside its protocol, built on what it offers anyway.
  {
    name: 'parts of the client',
    files: /^(request-response|publisher-pool)\.ts$/,
    imports: ['api', 'options', 'foundation'],
    types: ['client'],
  },
  {
    name: 'client',
    files: /^(client|client-parts|connect)\.ts$/,
    imports: [
      'api',
      'options',
      'foundation',
      'session',
      'stores',
      'subscriptions',
      'producer seam',
      'supervisor',
      'parts of the client',
    ],
  },
  // Modules on top are the test of the public API: they use it and nothing else of core.
  {
    name: 'on top',
    files: /^(typed|validating-codec|topic-template|client-group|group-(subscription|loop))\.ts$/,
    imports: ['api', 'options', 'foundation', 'client'],
  },
  {
    name: 'queue publisher',
    files: /^queue-publisher\//,
    imports: ['api', 'options', 'foundation', 'client'],
    types: ['producer seam'],
  },
  {
    name: 'index',
    files: /^index\.ts$/,
    imports: ['api', 'options', 'stores', 'auth', 'client', 'on top', 'queue publisher'],
  },
];

/** The layer of a file of core, by its path from the root of the repository. */
export function layerOf(path: string): Layer | undefined {
  return layers.find(({ files }) => files.test(path.slice(CORE.length)));
}
