// A receiver as one would write it for Node.js: it checks the signature over the raw body, appends the body to a file, and
// answers 200 once an fdatasync covers it. What comes while a sync is under way shares the next one. It neither parses
// the body nor looks for duplicates, which circlemeter does.
//   node receiver.js FILE      with the secret in the environment, as SECRET
'use strict';
const http = require('node:http');
const fs = require('node:fs');
const { createHmac, timingSafeEqual } = require('node:crypto');

const maximumBodyBytes = 1 << 20;
const secret = process.env.SECRET;
const file = fs.openSync(process.argv[2], 'a', 0o600);
const newline = Buffer.from('\n');

let waiting = [];
let isSyncing = false;

function sync() {
  if (isSyncing || waiting.length === 0) return;
  isSyncing = true;
  const batch = waiting;
  waiting = [];
  const bytes = Buffer.concat(batch.flatMap(({ body }) => [body, newline]));
  fs.write(file, bytes, 0, bytes.length, null, (error, count) => {
    if (error || count !== bytes.length) return fail(error || new Error('no room'));
    fs.fdatasync(file, (error) => {
      if (error) return fail(error);
      for (const { response } of batch) answer(response, 200, 'accepted');
      isSyncing = false;
      sync();
    });
  });
}

function fail(error) {
  console.error(error);
  process.exit(1);
}

function answer(response, status, text) {
  const body = `{"status":"${text}"}`;
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}

function isSigned(header, body) {
  if (!header || !header.startsWith('v1=')) return false;
  const claimed = Buffer.from(header.slice(3), 'hex');
  const digest = createHmac('sha256', secret).update(body).digest();
  return claimed.length === digest.length && timingSafeEqual(claimed, digest);
}

const server = http.createServer((request, response) => {
  if (request.method !== 'POST') return answer(response, 405, 'method_not_allowed');
  const chunks = [];
  let length = 0;
  request.on('data', (chunk) => {
    length += chunk.length;
    if (length > maximumBodyBytes) return request.destroy();
    chunks.push(chunk);
  });
  request.on('end', () => {
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    if (!isSigned(request.headers['circleci-signature'], body)) return answer(response, 401, 'signature_mismatch');
    waiting.push({ body, response });
    sync();
  });
});

server.listen(0, '127.0.0.1', () => console.error(`node: http://127.0.0.1:${server.address().port}`));
