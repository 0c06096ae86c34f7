import { connect } from '@edis/client';
import { tour } from './tour.ts';

const client = await connect({ info: process.env['EDIS_INFO'] ?? 'localhost:7400' });
try {
  await tour(client, (line) => process.stdout.write(`${line}\n`));
} finally {
  await client.close();
}
