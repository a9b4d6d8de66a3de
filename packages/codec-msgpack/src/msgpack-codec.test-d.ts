// SPDX-License-Identifier: Apache-2.0
//
// Checked by the compiler: `tsc -p packages/codec-msgpack`.

import type { Codec } from '@mqttv5/core';
import { z } from 'zod';

import { msgpackCodec } from './index.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const isTrue = <T extends true>(): T | undefined => undefined;

const promised = msgpackCodec<{ readonly id: number }>();
isTrue<Equal<typeof promised, Codec<{ readonly id: number }>>>();

const zod = msgpackCodec(z.object({ at: z.date(), unit: z.string().default('C') }));
isTrue<Equal<typeof zod, Codec<{ at: Date; unit: string }, { at: Date; unit?: string | undefined }>>>();

// @ts-expect-error -- not a schema
msgpackCodec({ id: 'number' });
