// SPDX-License-Identifier: Apache-2.0

export { jsonCodec } from './json-codec.ts';
// With their schemas come these, so that programs find them where they use them.
export { ValidationError } from '@mqttv5/core';
export type { StandardSchemaV1 } from '@mqttv5/core';
