import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

interface Compose {
  readonly services: Readonly<Record<string, { readonly ports: readonly string[]; readonly healthcheck?: object }>>;
}

const { services } = parse(readFileSync('docker-compose.yml', 'utf8')) as Compose;
const urls = new Map(
  readFileSync('.env.docker', 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split('=', 2) as [string, string]),
);

describe('docker-compose.yml', () => {
  it('has a broker for every driver that needs one, by the name of the driver', () => {
    expect(Object.keys(services).sort()).toEqual(['amqp', 'beanstalk', 'kafka', 'sqs']);
  });

  it.each(Object.entries(services))('%s listens on this machine only, where .env.docker says', (name, { ports }) => {
    const [published] = ports;
    const [host, port] = published!.split(':');
    expect(ports).toHaveLength(1);
    expect(host).toBe('127.0.0.1');
    expect(new URL(urls.get(`NRR_TEST_${name.toUpperCase()}_URL`)!).host).toBe(`${host}:${port}`);
  });

  it.each(Object.entries(services))('%s says when it is ready', (_, { healthcheck }) => {
    expect(healthcheck).toHaveProperty('test');
  });
});
