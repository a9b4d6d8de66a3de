// SPDX-License-Identifier: Apache-2.0

export { Decoder, type DecoderOptions, decode } from './decoder.ts';
export { encode, encodedLength, encodeInto, encodePublishHead, tryEncodeInto } from './encode.ts';
export { PacketType } from './packet-type.ts';
export type { AckProperties } from './packets/ack.ts';
export type { AuthPacket, AuthProperties } from './packets/auth.ts';
export type { ConnackPacket, ConnackProperties } from './packets/connack.ts';
export type { ConnectPacket, ConnectProperties, Will, WillProperties } from './packets/connect.ts';
export type { DisconnectPacket, DisconnectProperties } from './packets/disconnect.ts';
export type { PingreqPacket } from './packets/pingreq.ts';
export type { PingrespPacket } from './packets/pingresp.ts';
export type { PubackPacket } from './packets/puback.ts';
export type { PubcompPacket } from './packets/pubcomp.ts';
export type { PublishPacket, PublishProperties } from './packets/publish.ts';
export { PublishView } from './packets/publish-view.ts';
export type { PubrecPacket } from './packets/pubrec.ts';
export type { PubrelPacket } from './packets/pubrel.ts';
export type { SubackPacket } from './packets/suback.ts';
export type { SubscribeFilter, SubscribePacket, SubscribeProperties } from './packets/subscribe.ts';
export type { UnsubackPacket } from './packets/unsuback.ts';
export type { UnsubscribePacket, UnsubscribeProperties } from './packets/unsubscribe.ts';
export { ReasonCode, reasonCodeName } from './reason-codes.ts';
export { isValidTopicFilter, isValidTopicName, topicMatches } from './topics.ts';
export type { Bytes, Packet, QoS, RetainHandling, UserProperties } from './types.ts';
export { WireError } from './wire-error.ts';
