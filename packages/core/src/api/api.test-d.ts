// SPDX-License-Identifier: Apache-2.0
//
// What the compiler promises users. Checked by `tsc -p packages/core`; nothing here runs.

import type { Bytes } from '@mqttv5/wire';

import { scramAuthenticator } from '../scram-authenticator.ts';
import { isMqttError } from '../errors.ts';
import type { AnyMqttError, ErrorCode, PlainErrorCode } from '../errors.ts';
import { topicTemplate } from '../topic-template.ts';
import { Typed } from '../typed.ts';
import type { Codec, TypedMessage } from './codec.ts';
import type { GroupMessage, GroupPublishResult } from './group.ts';
import type { ClientOptions, TlsOptions } from './options.ts';
import type { PublishOptions, PublishResult, ResponseBody, Settled } from './publish.ts';
import type { PubSub } from './pubsub.ts';
import type { AckReasonCode, Message, SubscribeOptions, Subscription } from './receive.ts';
import type { ClientStats } from './stats.ts';
import type { TopicParameters } from './topics.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const isTrue = <T extends true>(): T | undefined => undefined;
declare function given<T>(): T;

// Topic templates: parameters come out of the literal.
const reading = topicTemplate('sensors/{device}/{metric}');
isTrue<Equal<TopicParameters<'sensors/{device}/{metric}'>, { readonly device: string; readonly metric: string }>>();
isTrue<Equal<ReturnType<typeof reading.match>, { readonly device: string; readonly metric: string } | undefined>>();
isTrue<Equal<TopicParameters<string>, Record<string, string>>>();
reading.format({ device: 7, metric: 'x' });
// @ts-expect-error -- a parameter is missing
reading.format({ device: 7 });
// @ts-expect-error -- a parameter nobody asked for
reading.format({ device: 7, metric: 'x', extra: 1 });
// @ts-expect-error -- wildcards have no name
topicTemplate('sensors/+/x');
// @ts-expect-error -- wildcards have no name
topicTemplate('sensors/#');
// @ts-expect-error -- a parameter without a name
topicTemplate('sensors/{}');
topicTemplate(given<string>()).format({ anything: 'goes' });

// Usable wherever a filter is.
declare const client: PubSub;
void client.subscribe(reading, { qos: 1 });
void client.subscribe(['a', reading, { filter: 'b', qos: 2 }, { ...reading, noLocal: true }]);
// @ts-expect-error -- there is no QoS 3
void client.subscribe('a', { qos: 3 });

// A stream has no handler.
// @ts-expect-error -- concurrency is for callbacks
void given<SubscribeOptions>().concurrency;
void client.subscribeCallback('a', async () => 'anything may be returned', { concurrency: 4 });
// @ts-expect-error -- declare without a handler is a stream
void client.declare('a', { onHandlerError: 'hold' });

// What arrives is what may be sent.
declare const message: Message;
void client.publish('other', message.payload, { ...message.properties });
isTrue<Equal<typeof message.payload, Bytes>>();
message.ack(0x99);
// @ts-expect-error -- not a code of PUBACK and PUBREC
message.ack(0x10);
isTrue<Equal<AckReasonCode, 0x00 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x97 | 0x99>>();

// undefined means absent, also under exactOptionalPropertyTypes.
const options: PublishOptions = { qos: undefined, retain: undefined, signal: undefined, userProperties: { a: 'b' } };
void options;
const will: ClientOptions = { brokers: ['mqtt://a', new URL('mqtt://b')], will: { topic: 't' }, keepAlive: false };
void will;
// @ts-expect-error -- a broker is needed
given<(given: ClientOptions) => void>()({});
const tls: TlsOptions = { ca: ['pem', new Uint8Array()], key: Buffer.from('key') };
void tls;

// Errors narrow by code.
const caught = given<unknown>();
if (isMqttError(caught)) {
  isTrue<Equal<typeof caught.code, ErrorCode>>();
  switch (caught.code) {
    case 'PUBLISH_REFUSED':
      isTrue<Equal<typeof caught.reasonCode, number>>();
      break;
    case 'SUBSCRIBE_REFUSED':
      caught.results.map((result) => result.filter);
      break;
    case 'PROTOCOL_ERROR':
      isTrue<Equal<typeof caught.detail, string>>();
      break;
    case 'GROUP_FAILED':
      isTrue<Equal<typeof caught.results, readonly GroupPublishResult[]>>();
      break;
    case 'NOT_CONNECTED':
      // @ts-expect-error -- nothing but message and cause
      void caught.reasonCode;
      break;
    default:
      break;
  }
}
isTrue<Equal<Exclude<AnyMqttError['code'], PlainErrorCode> extends ErrorCode ? true : false, true>>();

// Exactly one of the two.
const settled = given<Settled>();
if (settled.error) isTrue<Equal<typeof settled.result, undefined>>();
else isTrue<Equal<typeof settled.result, PublishResult>>();

// Typed: what is published and what arrives may differ, and the client's own result and message stay.
interface In {
  readonly celsius: number;
}
interface Out extends In {
  readonly unit: string;
}
const typed = new Typed(client, given<Codec<Out, In>>());
void typed.publish('t', { celsius: 5 });
// @ts-expect-error -- not what the codec takes
void typed.publish('t', { celsius: 'hot' });
isTrue<Equal<Awaited<ReturnType<typeof typed.subscribe>>, Subscription<TypedMessage<Out>>>>();
void typed.subscribeCallback('t', (each) => each.value.unit, { onDecodeError: (error, each) => [error, each.topic] });
typed.declare('t', { handler: (each) => each.value.celsius, concurrency: 2 });
const group = new Typed(given<PubSub<readonly GroupPublishResult[], GroupMessage>>(), given<Codec<In>>());
isTrue<Equal<Awaited<ReturnType<typeof group.publish>>, readonly GroupPublishResult[]>>();
void group.subscribeCallback(reading, (each) => [each.member, each.value.celsius]);

// The rest.
isTrue<Equal<ClientStats['connects'], number>>();
Object.entries(given<ClientStats>()).map(([name, count]) => `${name} ${count.toFixed()}`);
const replies: ResponseBody[] = ['text', new Uint8Array(), { payload: 'text', qos: 1 }];
void replies;
scramAuthenticator({ username: 'u', password: 'p', hash: 'SHA-256' });
// @ts-expect-error -- no such hash is registered
scramAuthenticator({ username: 'u', password: 'p', hash: 'MD5' });
