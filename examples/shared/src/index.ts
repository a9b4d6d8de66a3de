// SPDX-License-Identifier: Apache-2.0

export { exampleBroker } from './broker.ts';
export type { ExampleBroker } from './broker.ts';
export { createAuthority } from '@mqttv5/support/certificates';
export type { Certificate, CertificateAuthority } from '@mqttv5/support/certificates';
export { check, example } from './example.ts';
export { relayTo } from './relay.ts';
export type { Relay } from './relay.ts';
