// SPDX-License-Identifier: Apache-2.0
//
// What the package is where an import condition says that the platform has a WebSocket: browser, worker, Deno, Bun.

export type { WebSocketDialOptions } from './options.ts';
export { webSocketDial } from './platform-dial.ts';
