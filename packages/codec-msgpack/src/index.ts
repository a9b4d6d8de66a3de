// SPDX-License-Identifier: Apache-2.0

export { msgpackCodec } from './msgpack-codec.ts';
export { ValidationError } from '@mqttv5/core';
export type { StandardSchemaV1 } from '@mqttv5/core';
