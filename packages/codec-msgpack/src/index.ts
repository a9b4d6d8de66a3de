// SPDX-License-Identifier: Apache-2.0

export { msgpackCodec } from './msgpack-codec.ts';
export type { StandardSchemaV1 } from './standard-schema.ts';
export { ValidationError } from './validation.ts';
