// SPDX-License-Identifier: Apache-2.0

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

/** Waits for `promise` until `signal` ends the wait with its reason. The listener goes with the wait. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  if (signal.aborted) return rejectedWith(signal.reason);
  const wait = deferred<T>();
  const onAbort = (): void => wait.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  promise.then(
    (value) => {
      signal.removeEventListener('abort', onAbort);
      wait.resolve(value);
    },
    (error: unknown) => {
      signal.removeEventListener('abort', onAbort);
      wait.reject(error);
    },
  );
  return wait.promise;
}

// The reason of a signal is whatever the application gave it.
async function rejectedWith(reason: unknown): Promise<never> {
  throw reason;
}

function noop(): void {
  // Nothing to do.
}
