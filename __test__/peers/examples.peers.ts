import test from 'ava';
import { example, output } from './programs.js';

test("dig gets the name server's addresses", async (t) => {
  const [server, port] = await example('dns-server/server.mjs', '--host', 'example.test=192.0.2.1');
  t.teardown(() => server.kill());
  const dig = (name: string): Promise<Buffer> =>
    output(
      'dig',
      ['@127.0.0.1', '-p', String(port), '+short', '+tries=1', '+time=10', name, 'A'],
      'dnsutils',
    );
  t.is(String(await dig('example.test')), '192.0.2.1\n');
  t.is(String(await dig('missing.test')), '');
});

for (const drive of ['hosted', 'sync']) {
  test(`redis-cli and redis-benchmark find nothing to complain of (${drive})`, async (t) => {
    const [server, port] = await example('kv-server/server.mjs', '--port', '0', '--drive', drive);
    t.teardown(() => server.kill());
    const cli = async (...args: string[]): Promise<string> =>
      String(await output('redis-cli', ['-p', String(port), ...args], 'redis-tools')).trim();
    t.is(await cli('set', 'key', 'a value', 'EX', '100'), 'OK');
    t.is(await cli('get', 'key'), 'a value');
    t.is(await cli('ttl', 'key'), '100');
    for (const pipeline of ['1', '16']) {
      const printed = String(
        await output(
          'redis-benchmark',
          [
            ...['-p', String(port), '-P', pipeline, '-n', '5000', '-q', '--csv'],
            ...['-t', 'ping,set,get,incr,lpush,lrange'],
          ],
          'redis-tools',
        ),
      );
      t.notRegex(printed, /error/i);
      t.regex(printed, /LRANGE_600/);
    }
  });
}
