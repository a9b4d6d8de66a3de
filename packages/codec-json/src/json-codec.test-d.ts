// SPDX-License-Identifier: Apache-2.0
//
// Checked by the compiler: `tsc -p packages/codec-json`.

import type { Codec } from '@mqttv5/core';
import * as v from 'valibot';
import { z } from 'zod';

import { jsonCodec } from './index.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const isTrue = <T extends true>(): T | undefined => undefined;

interface Reading {
  readonly celsius: number;
}

const promised = jsonCodec<Reading>();
isTrue<Equal<typeof promised, Codec<Reading>>>();

const unknowing = jsonCodec();
isTrue<Equal<typeof unknowing, Codec<unknown>>>();

const zod = jsonCodec(z.object({ celsius: z.number(), unit: z.string().default('C') }));
isTrue<Equal<typeof zod, Codec<{ celsius: number; unit: string }, { celsius: number; unit?: string | undefined }>>>();

const valibot = jsonCodec(v.object({ celsius: v.pipe(v.string(), v.transform(Number)) }));
isTrue<Equal<typeof valibot, Codec<{ celsius: number }, { celsius: string }>>>();

// @ts-expect-error -- not a schema
jsonCodec({ celsius: 'number' });

// @ts-expect-error -- not what the schema takes
zod.encode({ celsius: 'hot' });
