import { expect, it } from 'vitest';
import { RpcServer } from './index.ts';

it('a server that is closed while it starts never listens', async () => {
  const server = new RpcServer({ listen: '127.0.0.1:0', feed: { watch: () => undefined } });
  const started = server.start();
  await Promise.all([server.close(), expect(started).rejects.toMatchObject({ code: 'closed' })]);
});
