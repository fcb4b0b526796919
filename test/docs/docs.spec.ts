import { readdirSync, readFileSync } from 'node:fs';
import * as headerNames from '../../lib/contract/job-headers.js';
import { JobsEventHub } from '../../lib/contract/jobs-events.js';
import { builtinDrivers } from '../../lib/drivers/index.js';
import { createCounters } from '../../lib/kernel/counters.js';
import { documentation, Page } from './markdown.js';
import { optionsOf } from './option-source.js';

interface ErrorClass {
  readonly name: string;
  readonly code: string;
  readonly isRetriable: boolean;
}

const CONTRACT = 'lib/contract';
const ERROR_FILES = readdirSync(CONTRACT)
  .filter((file) => file.endsWith('errors.ts'))
  .map((file) => `${CONTRACT}/${file}`);

function sourceOf(files: readonly string[]): string {
  return files.map((file) => readFileSync(file, 'utf8')).join('\n');
}

/** All but the abstract ones, which have no code. */
function errorClasses(files = ERROR_FILES): ErrorClass[] {
  return [...sourceOf(files).matchAll(/^export class (?<name>\w+) extends (?:Jobs|Goridge|Rpc|Worker)Error \{(?<body>[^]*?)^\}/gm)].map(
    ({ groups }) => {
      const { name = '', body = '' } = groups ?? {};
      return {
        name,
        code: /readonly code = '(?<code>\w+)'/.exec(body)?.groups?.['code'] ?? '',
        isRetriable: body.includes('override readonly retriable = true'),
      };
    },
  );
}

/** Sections of configuration.md, and the interfaces whose keys they list. */
const OPTIONS: Readonly<Record<string, readonly (readonly [file: string, name: string])[]>> = {
  Kernel: [['lib/config/kernel-options.ts', 'KernelOptions']],
  Consume: [['lib/config/kernel-options.ts', 'ConsumeOption']],
  Retry: [['lib/contract/retry-policy.ts', 'RetryOptions']],
  Backoff: [['lib/contract/retry-policy.ts', 'BackoffOptions']],
  'Failed store': [['lib/config/kernel-options.ts', 'FailedOptions']],
  Shutdown: [['lib/config/kernel-options.ts', 'ShutdownOptions']],
  RPC: [['lib/config/kernel-options.ts', 'RpcOptions']],
  'RPC certificates': [['lib/config/kernel-options.ts', 'RpcTlsOptions']],
  'RPC limits': [['lib/config/kernel-options.ts', 'RpcLimitOptions']],
  Pool: [['lib/config/kernel-options.ts', 'PoolOptions']],
  Supervisor: [['lib/config/kernel-options.ts', 'PoolSupervisorOptions']],
  'Dynamic allocator': [['lib/config/kernel-options.ts', 'PoolAllocatorOptions']],
  Pipeline: [['lib/config/kernel-options.ts', 'PipelineOptions']],
  'Driver memory': [['lib/drivers/memory.driver.ts', 'MemoryOptions']],
  'Driver embedded': [['lib/drivers/embedded/config.ts', 'EmbeddedOptions']],
  'Driver amqp': [['lib/drivers/amqp/config.ts', 'AmqpOptions']],
  'Driver beanstalk': [['lib/drivers/beanstalk/config.ts', 'BeanstalkOptions']],
  'Driver sqs': [['lib/drivers/sqs/config.ts', 'SqsOptions']],
  'Driver kafka': [['lib/drivers/kafka/config.ts', 'KafkaOptions']],
  'Broker amqp': [['lib/config/kernel-options.ts', 'AmqpBrokerOptions']],
  'Broker beanstalk': [['lib/config/kernel-options.ts', 'BeanstalkBrokerOptions']],
  'Broker sqs': [['lib/config/kernel-options.ts', 'SqsBrokerOptions']],
  'Broker kafka': [['lib/config/kernel-options.ts', 'KafkaBrokerOptions']],
  'Broker certificates': [['lib/config/kernel-options.ts', 'BrokerTlsOptions']],
  Module: [
    ['lib/nest/jobs-module-options.ts', 'JobsModuleOptions'],
    ['lib/nest/jobs-module-options.ts', 'JobsModuleExtras'],
  ],
  Handler: [
    ['lib/runtime/handler.ts', 'HandlerOptions'],
    ['lib/nest/decorators/job-handler.decorator.ts', 'JobHandlerOptions'],
  ],
  Push: [['lib/client/job-options.ts', 'JobOptionsInput']],
  'Parts of a kernel': [['lib/runtime/create-kernel.ts', 'CreateKernelParts']],
  Connection: [['lib/runtime/connect-jobs.ts', 'ConnectJobsOptions']],
};

describe('the page of errors', () => {
  const page = new Page('docs/errors.md');

  it('reads every error class of the source', () => {
    const count = sourceOf(ERROR_FILES).match(/^export class /gm)?.length;
    expect(errorClasses()).toHaveLength(count ?? 0);
  });

  it.each(errorClasses())('says code, retriable and what to do for $name', ({ name, code, isRetriable }) => {
    const section = page.section(name).join('\n');
    expect(code).not.toBe('');
    expect(section).toContain(`\`${code}\`, ${isRetriable ? '**retriable**' : 'not retriable'}`);
    for (const part of ['**When:**', '**State:**', '**Do:**']) expect(section).toContain(part);
  });

  it('lists every error in its table, by code', () => {
    const rows = page.rows('Errors').map((row) => `${row['code']} ${row['class']} ${row['retriable']}`);
    const expected = errorClasses().map(
      ({ name, code, isRetriable }) => `\`${code}\` [${name}](#${name.toLowerCase()}) ${isRetriable ? 'yes' : 'no'}`,
    );
    expect(rows.sort()).toEqual(expected.sort());
  });
});

describe('the header contract', () => {
  it('lists every header of the library and no other', () => {
    const values: unknown[] = Object.values(headerNames);
    const names = values.filter((value): value is string => typeof value === 'string' && value !== headerNames.RESERVED_PREFIX);
    const rows = new Page('docs/header-contract.md').rows('Ours').map((row) => row['header']);
    expect(rows.sort()).toEqual(names.map((name) => `\`${name}\``).sort());
  });
});

describe('the page of configuration', () => {
  const page = new Page('docs/configuration.md');

  it.each(Object.entries(OPTIONS))('lists every key of "%s" and no other', (heading, interfaces) => {
    const keys = interfaces.flatMap(([file, name]) => optionsOf(file, name).map(({ key }) => `\`${key}\``));
    const rows = page.rows(heading).flatMap((row) => row['key'] ?? []);
    expect(rows.sort()).toEqual(keys.sort());
  });

  it.each(Object.entries(OPTIONS))('says the same defaults in "%s" as the source', (heading, interfaces) => {
    const documented = new Map(page.rows(heading).map((row) => [row['key'], row['default']]));
    for (const { key, defaults } of interfaces.flatMap(([file, name]) => optionsOf(file, name))) {
      for (const value of defaults) expect([key, documented.get(`\`${key}\``)]).toEqual([key, expect.stringContaining(`\`${value}\``)]);
    }
  });
});

describe('the drivers', () => {
  const names = Object.keys(builtinDrivers).map((name) => `\`${name}\``);

  it('are all listed at the option that names one', () => {
    const option = new Page('docs/configuration.md').rows('Pipeline').find(({ key }) => key === '`driver`');
    expect(option?.['range']?.split(', ').sort()).toEqual([...names].sort());
  });

  it('have each a row on their page that says when a push resolves', () => {
    const rows = new Page('docs/drivers/index.md').rows('When a push resolves').map(({ driver }) => driver);
    expect(rows.sort()).toEqual(names.filter((name) => name !== '`boltdb`').sort());
  });
});

describe('the page of testing', () => {
  it('lists the errors of the kit, by code', () => {
    const rows = new Page('docs/testing.md').rows('Errors of the kit').map((row) => `${row['code']} ${row['class']}`);
    const expected = errorClasses(['lib/testing/errors.ts']).map(({ name, code }) => `\`${code}\` \`${name}\``);
    expect(expected).not.toEqual([]);
    expect(rows.sort()).toEqual(expected.sort());
  });
});

describe('the pages on what can be seen', () => {
  it('lists every event', () => {
    const rows = new Page('docs/handlers.md').rows('Events').flatMap((row) => row['event']?.split(', ') ?? []);
    expect(rows.sort()).toEqual(
      Object.keys(new JobsEventHub().events)
        .map((name) => `\`${name}\``)
        .sort(),
    );
  });

  it('names every counter', () => {
    const text = new Page('docs/concepts.md').section('What can be seen').join('\n');
    expect(Object.keys(createCounters()).filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });
});

describe('links', () => {
  it.each(documentation())('of $path lead to files and headings that are there', (page) => {
    expect(page.links.map((link) => page.brokenness(link)).filter((problem) => problem !== undefined)).toEqual([]);
  });

  it('of the index lead to every page', () => {
    const index = new Page('docs/index.md');
    const pages = documentation().flatMap(({ path }) => (path === 'README.md' || path === index.path ? [] : path.replace(/^docs[/\\]/, '')));
    expect(pages.filter((path) => !index.links.includes(path.replaceAll('\\', '/')))).toEqual([]);
  });
});
