// SPDX-License-Identifier: Apache-2.0

export { exampleBroker } from './broker.ts';
export type { ExampleBroker } from './broker.ts';
export { createAuthority } from './certificates.ts';
export type { Certificate, CertificateAuthority } from './certificates.ts';
export { check, example } from './example.ts';
export { relayTo } from './relay.ts';
export type { Relay } from './relay.ts';
