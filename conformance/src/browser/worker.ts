// SPDX-License-Identifier: Apache-2.0
// The smoke suite in a Web Worker: told the URL, answers "OK" or what failed.
import { webSocketDial } from '@mqttv5/transport-ws';
import { smoke } from '../runtimes/smoke.ts';

/** Of the global scope of a worker, what is used here; the library of DOM types describes pages. */
interface WorkerScope {
  postMessage(message: string): void;
  addEventListener(type: 'message', listener: (event: { readonly data: string }) => void): void;
}

// This file is only ever loaded as a worker.
const scope = globalThis as unknown as WorkerScope;
scope.addEventListener('message', ({ data: url }) => {
  smoke({ name: 'worker', url, dial: webSocketDial() }).then(
    () => scope.postMessage('OK'),
    (error: unknown) => scope.postMessage(String(error)),
  );
});
