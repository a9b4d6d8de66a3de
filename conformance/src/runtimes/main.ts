// SPDX-License-Identifier: Apache-2.0
// The smoke suite as a program, on the built packages: runtime main.ts NAME=URL …. Prints "OK NAME" for each, or
// "FAILED NAME CODE" for the first that fails, and ends by itself. SMOKE_CA is the PEM of whom to trust for mqtts.
import { isMqttError } from '@mqttv5/core';
import { webSocketDial } from '@mqttv5/transport-ws';
import { smoke } from './smoke.ts';

for (const argument of process.argv.slice(2)) {
  const at = argument.indexOf('=');
  const [name, url] = [argument.slice(0, at), argument.slice(at + 1)];
  const dial = url.startsWith('ws') ? webSocketDial() : undefined;
  const tls = url.startsWith('mqtts') ? { ca: process.env['SMOKE_CA'] } : undefined;
  try {
    await smoke({ name, url, dial, tls });
    console.log(`OK ${name}`);
  } catch (error) {
    console.log(`FAILED ${name} ${isMqttError(error) ? error.code : String(error)}`);
    process.exitCode = 1;
    break;
  }
}
