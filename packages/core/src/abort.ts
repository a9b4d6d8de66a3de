// SPDX-License-Identifier: Apache-2.0
//
// Waits, and signals that end them. None leaves a timer or a listener behind.

import type { Clock } from './clock.ts';

/** A promise and what settles it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** Nobody has to be listening: a rejection that no one asked for is not an unhandled one. */
export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = noop;
  let reject: (error: unknown) => void = noop;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  promise.catch(noop);
  return { promise, resolve, reject };
}

function noop(): void {
  // Nothing to do.
}

/** Calls back once `signal` aborts, at once when it has, with its reason. The returned function takes that back. */
export function onAbort(signal: AbortSignal | undefined, callback: (reason: unknown) => void): () => void {
  if (signal === undefined) return noop;
  const listener = (): void => callback(signal.reason);
  if (signal.aborted) listener();
  else signal.addEventListener('abort', listener, { once: true });
  return () => signal.removeEventListener('abort', listener);
}

/** Waits, or rejects with the signal's reason. Leaves neither timer nor listener. */
export function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = deferred<void>();
  const timer = clock.setTimer(delayMs, () => {
    forget();
    resolve();
  });
  const forget = onAbort(signal, (reason) => {
    timer.cancel();
    reject(reason);
  });
  return promise;
}

/** `promise`, or the signal's reason if that comes first; the promise then goes on alone, its rejection nobody's. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  const wait = deferred<T>();
  const forget = onAbort(signal, wait.reject);
  promise.then(wait.resolve, wait.reject).finally(forget);
  return wait.promise;
}
