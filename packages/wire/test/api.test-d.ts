// SPDX-License-Identifier: Apache-2.0

// Compile-time tests: the exports are the declared ones, exactly. `tsc` runs them.

import type * as Declared from './declared-api.d.ts';
import type * as Wire from '../src/index.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Extends<A, B> = [A] extends [B] ? true : false;
declare function check<_T extends true>(): void;

check<Equal<Wire.PacketType, Declared.PacketType>>();
check<Equal<Wire.QoS, Declared.QoS>>();
check<Equal<Wire.RetainHandling, Declared.RetainHandling>>();
check<Equal<Wire.UserProperties, Declared.UserProperties>>();
check<Equal<Wire.Bytes, Declared.Bytes>>();
check<Equal<Wire.ConnectProperties, Declared.ConnectProperties>>();
check<Equal<Wire.ConnackProperties, Declared.ConnackProperties>>();
check<Equal<Wire.WillProperties, Declared.WillProperties>>();
check<Equal<Wire.PublishProperties, Declared.PublishProperties>>();
check<Equal<Wire.AckProperties, Declared.AckProperties>>();
check<Equal<Wire.SubscribeProperties, Declared.SubscribeProperties>>();
check<Equal<Wire.UnsubscribeProperties, Declared.UnsubscribeProperties>>();
check<Equal<Wire.DisconnectProperties, Declared.DisconnectProperties>>();
check<Equal<Wire.AuthProperties, Declared.AuthProperties>>();
check<Equal<Wire.ConnectPacket, Declared.ConnectPacket>>();
check<Equal<Wire.Will, Declared.Will>>();
check<Equal<Wire.ConnackPacket, Declared.ConnackPacket>>();
check<Equal<Wire.PublishPacket, Declared.PublishPacket>>();
check<Equal<Wire.PubackPacket, Declared.PubackPacket>>();
check<Equal<Wire.PubrecPacket, Declared.PubrecPacket>>();
check<Equal<Wire.PubrelPacket, Declared.PubrelPacket>>();
check<Equal<Wire.PubcompPacket, Declared.PubcompPacket>>();
check<Equal<Wire.SubscribePacket, Declared.SubscribePacket>>();
check<Equal<Wire.SubscribeFilter, Declared.SubscribeFilter>>();
check<Equal<Wire.SubackPacket, Declared.SubackPacket>>();
check<Equal<Wire.UnsubscribePacket, Declared.UnsubscribePacket>>();
check<Equal<Wire.UnsubackPacket, Declared.UnsubackPacket>>();
check<Equal<Wire.PingreqPacket, Declared.PingreqPacket>>();
check<Equal<Wire.PingrespPacket, Declared.PingrespPacket>>();
check<Equal<Wire.DisconnectPacket, Declared.DisconnectPacket>>();
check<Equal<Wire.AuthPacket, Declared.AuthPacket>>();
check<Equal<Wire.Packet, Declared.Packet>>();
check<Equal<Wire.DecoderOptions, Declared.DecoderOptions>>();

check<Equal<typeof Wire.PacketType, typeof Declared.PacketType>>();
check<Equal<typeof Wire.ReasonCode, typeof Declared.ReasonCode>>();
check<Equal<typeof Wire.reasonCodeName, typeof Declared.reasonCodeName>>();
check<Equal<typeof Wire.decode, typeof Declared.decode>>();
check<Equal<typeof Wire.encode, typeof Declared.encode>>();
check<Equal<typeof Wire.encodedLength, typeof Declared.encodedLength>>();
check<Equal<typeof Wire.isValidTopicName, typeof Declared.isValidTopicName>>();
check<Equal<typeof Wire.isValidTopicFilter, typeof Declared.isValidTopicFilter>>();
check<Equal<typeof Wire.topicMatches, typeof Declared.topicMatches>>();

// Classes: what is declared, and `nextView` beside it.
check<Extends<keyof Declared.Decoder, keyof Wire.Decoder>>();
check<Equal<Exclude<keyof Wire.Decoder, keyof Declared.Decoder>, 'nextView'>>();
check<Equal<Wire.Decoder['push'], Declared.Decoder['push']>>();
check<Equal<Wire.Decoder['next'], Declared.Decoder['next']>>();
check<Equal<Wire.Decoder['reset'], Declared.Decoder['reset']>>();
check<Equal<ConstructorParameters<typeof Wire.Decoder>, ConstructorParameters<typeof Declared.Decoder>>>();
check<Extends<Wire.WireError, Error>>();
check<Equal<Wire.WireError['reasonCode'], Declared.WireError['reasonCode']>>();

// Beside the declared API.
check<
  Equal<ReturnType<Wire.Decoder['nextView']>, Exclude<Wire.Packet, Wire.PublishPacket> | Wire.PublishView | undefined>
>();
check<Extends<Wire.PublishView, Wire.PublishPacket>>();
check<Equal<Wire.PublishView['payload'], Wire.Bytes>>();
check<Equal<Parameters<typeof Wire.encodeInto>, [packet: Wire.Packet, target: Uint8Array, offset: number]>>();
check<Equal<Parameters<typeof Wire.encodePublishHead>[0], Wire.PublishPacket>>();
