// Uploads one file with the fetch of Node (20 or newer) and prints the answer:
//
//   TAXIWAY_BASE_URL=… TAXIWAY_TOKEN=… node upload.mjs FILE CONTENT_TYPE [NAME [EMAIL]]
//
// The sample of the API page, with the Content-Type that it lacks, and the name encoded.
import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';

const [file, type, name = basename(file), email] = process.argv.slice(2);
const query = new URLSearchParams({ name, ...(email && { email }) });
const response = await fetch(`${process.env.TAXIWAY_BASE_URL}/assets/?${query}`, {
  method: 'POST',
  headers: {
    Authorization: `Bearer ${process.env.TAXIWAY_TOKEN}`,
    'Content-Type': type,
  },
  body: await openAsBlob(file),
});
console.log(await response.text());
process.exitCode = response.ok ? 0 : 1;
