// SPDX-License-Identifier: Apache-2.0

// Who sends: a bit each, so that one byte says who may send a packet, a Reason Code or a property.

export const CLIENT = 1;
export const SERVER = 2;
export const EITHER = 3;
