import { once } from 'node:events';
import { createServer } from 'node:net';

/** A port of the loopback interface on which nobody listens. */
export async function freePort(highest = 65_535): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    server.close();
    await once(server, 'close');
    if (address !== null && typeof address !== 'string' && address.port <= highest) return address.port;
  }
}
