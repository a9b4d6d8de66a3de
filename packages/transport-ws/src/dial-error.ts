// SPDX-License-Identifier: Apache-2.0
//
// Why `ws` could not open a WebSocket, in words that name the remedy. Its error, or the system's, stays in `cause`. The platform's
// WebSocket gives no reasons.

import { MqttError } from '@mqttv5/core';

/** What an error code means to whoever configures a client. */
const EXPLANATIONS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'nothing listens there'],
  ['ENOTFOUND', 'the host name does not exist'],
  ['ECONNRESET', 'the server ended the connection instead of answering the handshake'],
  ['HPE_INVALID_CONSTANT', 'the server does not speak HTTP; is this its port for MQTT over TCP?'],
  ['EPROTO', 'the TLS handshake failed; is this a ws: port?'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'the certificate is for another host'],
  ['CERT_HAS_EXPIRED', 'the certificate has expired'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'the certificate is self-signed and not in `tls.ca`'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'the certificate chain ends in a self-signed certificate that is not in `tls.ca`'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'the issuer of the certificate is not known; give it in `tls.ca`'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'the issuer of the certificate is not known; give it in `tls.ca`'],
  [
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    'the broker asks for a client certificate; give `tls.cert` and `tls.key`',
  ],
  ['ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', 'the broker accepts none of `tls.alpnProtocols`'],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'the broker does not know the issuer of the client certificate'],
]);

/** `DIAL_FAILED` for `broker`, shown without its query, which may hold a token. */
export function dialFailed(broker: URL, cause: unknown): MqttError {
  const why = causesOf(cause).map(explained).join('; ');
  const message = `WebSocket to ${broker.protocol}//${broker.host}${broker.pathname} failed: ${why}`;
  return new MqttError('DIAL_FAILED', message, { cause });
}

/** A host with several addresses fails with one error each, in an `AggregateError` whose own message is empty. */
function causesOf(error: unknown): readonly unknown[] {
  return error instanceof AggregateError && error.errors.length > 0 ? error.errors : [error];
}

function explained(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  // OpenSSL ends some of its messages with a new line.
  const said = (error instanceof Error ? error.message : String(error)).trim();
  const explanation =
    EXPLANATIONS.get(openSslCode(said)) ?? (typeof code === 'string' ? EXPLANATIONS.get(code) : undefined);
  return explanation === undefined ? said : `${explanation} (${said})`;
}

/**
 * The code that Node would give this reason of OpenSSL. `http` writes its request while TLS is still shaking hands, so an alert of
 * the broker fails that write, with EPROTO for a code.
 */
function openSslCode(said: string): string {
  const [, reason = ''] = /SSL routines:[^:]*:([^:]+):/.exec(said) ?? [];
  return `ERR_SSL_${reason.toUpperCase().replaceAll(' ', '_')}`;
}
