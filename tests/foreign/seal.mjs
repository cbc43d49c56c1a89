// SPDX-License-Identifier: Apache-2.0
//
// How frames are authenticated between their ends, from what the published contract says.

import {
  X509Certificate, createHmac, createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync, sign,
  timingSafeEqual, verify,
} from 'node:crypto';

export const HMAC = 1;
export const ECDSA = 2;
const SALT = 'qkdnf v1 pairwise key';
const DOMAIN = Buffer.from('qkdnf v1 frame\0');

function number(value) {
  const octets = Buffer.alloc(8);
  octets.writeBigUInt64BE(BigInt(String(value)));
  return octets;
}

const part = (octets) => Buffer.concat([number(octets.length), octets]);

// What tag and signature are over.
function covered(frame) {
  return Buffer.concat([
    DOMAIN, number(frame.algorithm), number(frame.preShared ?? 0), part(frame.header),
    part(Buffer.from(frame.introduction ?? [])), number(frame.messages.length),
    ...frame.messages.map(part),
  ]);
}

export function makeShare() {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  return { privateKey, share: Buffer.from(publicKey.export({ format: 'jwk' }).x, 'base64url') };
}

// The keys of two incarnations: an identity is {id, role, incarnation, share}.
export function makePair(privateKey, own, peer) {
  const x = Buffer.from(peer.share).toString('base64url');
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
  const secret = diffieHellman({ privateKey, publicKey });
  const material = ({ id, role, incarnation, share }) => Buffer.concat([
    part(Buffer.from(id)), number(role), number(incarnation), share]);
  const key = (sender, receiver) => Buffer.from(hkdfSync(
    'sha256', secret, SALT, Buffer.concat([material(sender), material(receiver)]), 32));
  return { send: key(own, peer), receive: key(peer, own) };
}

export function makeTag(key, frame) {
  return createHmac('sha256', key).update(covered(frame)).digest().subarray(0, 16);
}

export function hasTag(key, frame) {
  return frame.algorithm === HMAC && frame.tag.length === 16 &&
    timingSafeEqual(makeTag(key, frame), frame.tag);
}

export const makeSignature = (key, frame) => sign('sha256', covered(frame), key);

// Whether a presence is signed by a certificate of that member, in that role, of the authority.
export function isSigned(frame, presence, id, unit, authority) {
  const certificate = new X509Certificate(presence.certificates[0]);
  const subject = certificate.subject.split('\n');
  const now = Date.now();
  return frame.algorithm === ECDSA && certificate.verify(authority.publicKey) &&
    Date.parse(certificate.validFrom) <= now && now < Date.parse(certificate.validTo) &&
    subject.includes(`CN=${id}`) && subject.includes(`OU=${unit}`) &&
    verify('sha256', covered(frame), certificate.publicKey, frame.tag);
}
