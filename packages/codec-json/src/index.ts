// SPDX-License-Identifier: Apache-2.0

export { jsonCodec } from './json-codec.ts';
export type { StandardSchemaV1 } from './standard-schema.ts';
export { ValidationError } from './validation.ts';
