// SPDX-License-Identifier: Apache-2.0
//
// A browser for tests in other languages: commands as lines of JSON on standard input, answers as
// lines of JSON on standard output: {"value": …} or {"error": "…"}.

import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGUMENTS });
const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
const page = await context.newPage();
const troubles = [];
page.on('console', (message) => {
  if (['error', 'warning'].includes(message.type()))
    troubles.push(`${message.type()}: ${message.text()}`);
});
page.on('pageerror', (error) => troubles.push(`exception: ${error.message}`));
page.on('request', (request) => {
  if (new URL(request.url()).hostname !== '127.0.0.1')
    troubles.push(`a request to ${request.url()}`);
});

const commands = {
  open: async ({ url }) => (await page.goto(url))?.status(),
  evaluate: ({ script }) => page.evaluate(script),
  click: ({ selector }) => page.click(selector, { timeout: 20000 }),
  fill: ({ selector, text }) => page.fill(selector, text),
  press: ({ key }) => page.keyboard.press(key),
  media: (wishes) => page.emulateMedia(wishes),
  size: (viewport) => page.setViewportSize(viewport),
  screenshot: ({ path }) => page.screenshot({ path, fullPage: true }).then(() => path),
  troubles: () => troubles,
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...rest } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ value: (await commands[command](rest)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: error.message }));
  }
}
await browser.close();
