// SPDX-License-Identifier: Apache-2.0
// Our declarations name `AsyncDisposable`, and a program may be compiled without that library.
/// <reference lib="esnext.disposable" preserve="true" />

export type {
  Broker,
  BrokerAccess,
  BrokerAuthExchange,
  BrokerAuthMethod,
  BrokerAuthStep,
  BrokerClient,
  BrokerCredentials,
  BrokerDisconnectOptions,
  BrokerOptions,
  Intercept,
  InterceptAction,
  Redirection,
} from './broker/api.ts';
export { scramMethod } from './broker/scram-method.ts';
export type { ScramMethodOptions } from './broker/scram-method.ts';
export { startBroker } from './broker/start-broker.ts';
export { codecContract } from './contracts/codec-contract.ts';
export type { ContractCase } from './contracts/contract.ts';
export { publisherQueueContract } from './contracts/publisher-queue-contract.ts';
export { sessionStoreContract } from './contracts/session-store-contract.ts';
export { ManualClock } from './clock.ts';
export type { BrokerClock } from './clock.ts';
export { TestingError } from './errors.ts';
export type { TestingErrorCode } from './errors.ts';
export { fakeMessage } from './fake-message.ts';
export type { FakeMessage } from './fake-message.ts';
export { ScriptedBroker } from './scripted/scripted-broker.ts';
export type { ScriptedBrokerOptions } from './scripted/scripted-broker.ts';
export type { ScriptedConnection } from './scripted/scripted-connection.ts';
