// SPDX-License-Identifier: Apache-2.0

/** Why a WebSocket ended that was not closed in the ordinary way. Servers and gateways say in `reason` what no code can. */
export function closedWith(code: number, reason: string): Error {
  return new Error(`The WebSocket was closed with code ${code}${reason === '' ? '' : `: ${reason}`}`);
}
