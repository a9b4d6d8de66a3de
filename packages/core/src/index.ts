// SPDX-License-Identifier: Apache-2.0
// Our declarations name `AsyncDisposable`, and a program may be compiled without that library.
/// <reference lib="esnext.disposable" preserve="true" />

export { isValidTopicFilter, isValidTopicName, ReasonCode, reasonCodeName, topicMatches } from '@mqttv5/wire';
export type { Bytes, QoS, RetainHandling, UserProperties } from '@mqttv5/wire';

export { Client } from './client.ts';
export { ClientGroup } from './client-group.ts';
export { connect } from './connect.ts';

export { constantBackoff, exponentialBackoff } from './backoff.ts';
export { MemorySessionStore } from './memory-session-store.ts';
export { MemoryPublisherQueue } from './memory-publisher-queue.ts';
export { QueuePublisher } from './queue-publisher/queue-publisher.ts';
export { scramAuthenticator } from './scram-authenticator.ts';
export { topicTemplate } from './topic-template.ts';
export { Typed } from './typed.ts';
export { validatingCodec, ValidationError } from './validating-codec.ts';

export {
  GroupError,
  isMqttError,
  MqttError,
  ProtocolError,
  ReasonCodeError,
  RejectedByDisconnectError,
  StoreError,
  SubscribeError,
  UnsubscribeError,
} from './errors.ts';
export type { AnyMqttError, ErrorCode, PlainErrorCode, PlainMqttError, ReasonErrorCode } from './errors.ts';

export type { Codec, DecodeOptions, TypedMessage } from './api/codec.ts';
export type { Brokers, MaybePromise, MessageOptions, Payload, UserPropertiesInit, WaitOptions } from './api/common.ts';
export type {
  Authenticator,
  ClientState,
  ConnackInfo,
  ConnectContext,
  ConnectCredentials,
  ServerDisconnectInfo,
} from './api/connect.ts';
export type { ClientEvents } from './api/events.ts';
export type { GroupMember, GroupMessage, GroupOptions, GroupPublishResult } from './api/group.ts';
export type { Logger } from './api/logger.ts';
export type { Backoff, ClientOptions, DisconnectOptions, TlsOptions, WillOptions } from './api/options.ts';
export type { PublishOptions, PublishResult, RequestOptions, ResponseBody, Settled } from './api/publish.ts';
export type { PubSub } from './api/pubsub.ts';
export type {
  PublisherQueue,
  QueuedPublish,
  QueueEntry,
  QueueLimit,
  QueueOptions,
  QueuePublishOptions,
} from './api/queue.ts';
export type {
  AckReasonCode,
  CallbackOptions,
  FilterOptions,
  Filters,
  Message,
  MessageHandler,
  MessageProperties,
  SubscribeOptions,
  SubscribeResult,
  Subscription,
  SubscriptionHandle,
  TopicFilter,
} from './api/receive.ts';
export type { StandardSchemaV1 } from './api/standard-schema.ts';
export type { ClientStats } from './api/stats.ts';
export type { SessionOperation, SessionStore } from './api/store.ts';
export type { TopicParameters, TopicTemplate } from './api/topics.ts';
export type { Connection, ConnectionHandlers, Dial, DialOptions } from './api/transport.ts';
