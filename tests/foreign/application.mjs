// SPDX-License-Identifier: Apache-2.0
//
// A stranger's application: `node application.mjs CONTRACT FEDERATION INITIATOR TARGET`. It registers,
// asks for a key with TARGET, fetches it at both ends by ETSI GS QKD 014, and prints what it got but
// for the key.

import { readFileSync } from 'node:fs';
import https from 'node:https';
import { Application } from './bus.mjs';

const [contract, federation, initiator, target] = process.argv.slice(2);

// An HTTPS POST of JSON as a user; its answer, or an error that says the status.
function post(application, sae, url, body) {
  const user = application.federation.saes.find(({ id }) => id === sae);
  const options = {
    method: 'POST',
    ca: readFileSync(application.federation.ca),
    cert: readFileSync(user.certificate),
    key: readFileSync(user.key),
    headers: { 'Content-Type': 'application/json' },
  };
  return new Promise((resolve, reject) => {
    const call = https.request(url, options, async (answer) => {
      let text = '';
      for await (const chunk of answer)
        text += chunk;
      if (answer.statusCode === 200)
        resolve(JSON.parse(text));
      else
        reject(new Error(`${url}: ${answer.statusCode} ${text}`));
    });
    call.on('error', reject);
    call.end(JSON.stringify(body));
  });
}

function kmeOf(reply, sae) {
  return reply.deliveries.find((delivery) => delivery.sae === sae).kmeUrl;
}

async function fetchBoth(application, reply) {
  const ours = await post(application, initiator,
    `${kmeOf(reply, initiator)}/api/v1/keys/${target}/enc_keys`,
    { extension_mandatory: [{ qkdnf_request: reply.id }] });
  const theirs = await post(application, target,
    `${kmeOf(reply, target)}/api/v1/keys/${initiator}/dec_keys`,
    { key_IDs: ours.keys.map(({ key_ID }) => ({ key_ID })) });
  return { ours: ours.keys, theirs: theirs.keys };
}

const application = new Application(contract, federation, initiator);
await application.start();
const registered = await application.ask('register', { service: 'stranger', visible: true });
const found = await application.ask('discover', { service: 'stranger' });
const reply = await application.ask('request', {
  initiator, targets: [target], number: 2, sizeBits: 256, paths: 1, timeoutMs: 10000,
});
const { ours, theirs } = await fetchBoth(application, reply);
await application.stop();
console.log(JSON.stringify({
  registered, found, reply,
  keyIds: ours.map(({ key_ID }) => key_ID),
  keyBytes: ours.map(({ key }) => Buffer.from(key, 'base64').length),
  keysAreEqual: JSON.stringify(ours) === JSON.stringify(theirs),
}));
