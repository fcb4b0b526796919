import { readKernelOptions } from '../../lib/config/settings.js';
import { readDeclaration } from '../../lib/config/declaration.js';
import { readPipeline } from '../../lib/config/pipeline.js';
import { readRrYaml } from '../../lib/config/rr-yaml/read-rr-yaml.js';
import type { OptionSpec } from '../../lib/contract/option-spec.js';
import { options as amqp } from '../../lib/drivers/amqp.driver.js';
import { options as beanstalk } from '../../lib/drivers/beanstalk.driver.js';
import { options as kafka } from '../../lib/drivers/kafka.driver.js';
import { resolveSettings as resolveKafka } from '../../lib/drivers/kafka/config.js';
import { options as sqs } from '../../lib/drivers/sqs.driver.js';
import { issuesOf } from './support.js';

const tables: Readonly<Record<string, readonly OptionSpec[]>> = { amqp, beanstalk, kafka, sqs };

/** Options of time of the pipelines of brokers: option, key of `.rr.yaml`, key of Declare maps, what the driver is given for 20 seconds. */
const PIPELINE_OPTIONS: readonly (readonly [driver: string, name: string, key: string, declared: string, given: number])[] = [
  ['amqp', 'heartbeat', 'heartbeat', 'heartbeat', 20],
  ['amqp', 'redialTimeout', 'redial_timeout', 'redial_timeout', 20],
  ['beanstalk', 'reserveTimeout', 'reserve_timeout', 'reserve_timeout', 20_000],
  ['sqs', 'visibilityTimeout', 'visibility_timeout', 'visibility_timeout', 20],
  ['sqs', 'errorVisibilityTimeout', 'error_visibility_timeout', 'error_visibility_timeout', 20],
  ['sqs', 'waitTimeSeconds', 'wait_time_seconds', 'wait_time', 20],
  ['sqs', 'requestTimeout', 'request_timeout', 'request_timeout', 20],
];

const optionOf = (driver: string, name: string, given: Readonly<Record<string, unknown>>): unknown =>
  readPipeline(readDeclaration({ name: 'q', driver, ...given }), tables[driver]!, { retry: {} }).settings.options[name];
const readYaml = (text: string) => readRrYaml(`version: "3"\n${text}`, { drivers: new Map(Object.entries(tables)), environment: {} });

describe('An option of time of a pipeline', () => {
  it.each(PIPELINE_OPTIONS)('%s %s is seconds or duration text in TypeScript', (driver, name, _key, _declared, given) => {
    expect([20, '20', '20s', '0m20s'].map((value) => optionOf(driver, name, { [name]: value }))).toEqual([given, given, given, given]);
  });

  it.each(PIPELINE_OPTIONS)('%s %s is the text of seconds in a Declare map', (driver, name, _key, declared, given) => {
    expect(optionOf(driver, name, { [declared]: '20' })).toBe(given);
  });

  it.each(PIPELINE_OPTIONS)('%s %s is seconds or duration text in .rr.yaml', (driver, name, key, _declared, given) => {
    for (const written of ['20', '"20"', '20s']) {
      const { kernel, warnings } = readYaml(`jobs: { pipelines: { q: { driver: ${driver}, config: { ${key}: ${written} } } } }`);
      expect(warnings).toEqual([]);
      expect(optionOf(driver, name, kernel.pipelines!['q']!)).toBe(given);
    }
  });

  it.each(PIPELINE_OPTIONS.filter(([driver]) => driver !== 'beanstalk'))(
    '%s %s refuses parts of a second, which its broker does not know',
    (driver, name) => {
      for (const value of [1.5, '1500ms', 'soon', -1]) {
        expect(issuesOf(() => optionOf(driver, name, { [name]: value }))).toEqual({
          [`pipelines.q.${name}`]: expect.stringMatching(/Give a whole number of seconds.*, or a duration text such as "90s"\.$/u) as string,
        });
      }
    },
  );

  it('is in the list above, whatever driver it belongs to', () => {
    const found = Object.entries(tables).flatMap(([driver, specs]) =>
      specs.filter(({ type }) => type === 'duration' || type === 'seconds').map(({ name }) => `${driver} ${name}`),
    );
    expect(found.sort()).toEqual(PIPELINE_OPTIONS.map(([driver, name]) => `${driver} ${name}`).sort());
  });
});

describe('An option of time of a broker', () => {
  const brokersOf = (options: object) => readKernelOptions(options).settings.brokers;

  it.each([20, '20s', '20'])('is seconds or duration text in TypeScript: %p', (value) => {
    expect(brokersOf({ beanstalk: { timeout: value }, kafka: { ping: { timeout: value }, tls: { timeout: value } } })).toMatchObject({
      beanstalk: { timeout: 20_000 },
      kafka: { ping: { timeout: 20_000 }, tls: { timeout: 20_000 } },
    });
  });

  it('has the defaults of RoadRunner', () => {
    expect(brokersOf({ beanstalk: {}, kafka: { ping: {}, tls: {} } })).toMatchObject({
      beanstalk: { timeout: 30_000 },
      kafka: { ping: { timeout: 10_000 }, tls: { timeout: 10_000 } },
    });
  });

  it('is text with a unit in .rr.yaml, where a number would count nanoseconds', () => {
    expect(readYaml('beanstalk: { timeout: 20s }').drivers.get('beanstalk')).toMatchObject({ timeout: 20_000 });
    expect(issuesOf(() => readYaml('beanstalk: { timeout: 20 }'))).toEqual({ 'beanstalk.timeout': expect.stringContaining('"20s"') as string });
  });

  it('reaches Kafka in the unit that it was read in', () => {
    const { kafka: section } = brokersOf({ kafka: { brokers: ['a:1'], ping: { timeout: 3 }, tls: { timeout: '4s' } } })!;
    expect(resolveKafka('q', {}, section)).toMatchObject({ pingTimeoutMs: 3_000, client: { connectTimeoutMs: 4_000 } });
  });
});
