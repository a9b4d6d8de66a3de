// SPDX-License-Identifier: Apache-2.0
// `npm run demo`: builds what the demo imports and runs it on the built packages, as an installed program would.
// MQTT_BROKER reaches it through the environment; its exit code is ours.
import { run } from './lib/run.ts';

const build = await run('turbo', ['run', 'build', '--filter=@mqttv5/example-demo^...', '--output-logs=errors-only']);
if (build.code === 0) process.exitCode = (await run('node', ['examples/demo/src/main.ts'], { timeoutMs: 60_000 })).code;
else process.exitCode = build.code;
