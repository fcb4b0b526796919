import { JobsConfigError } from '../../contract/errors.js';
import type { AmqpChannel, AmqpModel, QueueFacts } from './client.js';
import { optionPath, type AmqpOptions, type AmqpSettings } from './config.js';

const ACCESS_REFUSED = 403;
const NOT_FOUND = 404;
const PRECONDITION_FAILED = 406;
const INEQUIVALENT =
  /inequivalent arg '(?<argument>[^']+)' for (?<kind>queue|exchange) '(?<name>[^']*)'.*?: received (?<asked>.+?) but current is (?<found>.+?)(?:"|$)/u;
const MISSING = /NOT_FOUND - no (?<kind>queue|exchange) '(?<name>[^']*)'/u;
/** It is always there, and cannot be looked for. */
const DEFAULT_EXCHANGE = '';
const OPTIONS: Readonly<Record<string, { readonly queue: keyof AmqpOptions; readonly exchange: keyof AmqpOptions }>> = {
  durable: { queue: 'durable', exchange: 'exchangeDurable' },
  auto_delete: { queue: 'queueAutoDelete', exchange: 'exchangeAutoDelete' },
  exclusive: { queue: 'exclusive', exchange: 'exchangeType' },
  type: { queue: 'queueHeaders', exchange: 'exchangeType' },
};

/** Runs on a channel of its own: what the broker refuses closes the channel, and nobody else's work with it. */
export async function onChannel<T>(model: AmqpModel, work: (channel: AmqpChannel) => Promise<T>): Promise<T> {
  const channel = await model.createChannel();
  channel.on('error', () => {}); // the call that was refused rejects with it
  let isDone = false;
  try {
    const result = await work(channel);
    isDone = true;
    return result;
  } finally {
    // A refused channel is closed already.
    if (isDone) await channel.close().catch(() => {});
    else void channel.close().catch(() => {});
  }
}

/** How many messages were removed; a queue that is not there holds none. */
export async function purgeQueue(model: AmqpModel, queue: string): Promise<number> {
  try {
    return (await onChannel(model, (channel) => channel.purgeQueue(queue))).messageCount;
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === NOT_FOUND) return 0;
    throw error;
  }
}

/**
 * Exchange, queue and binding, in this order, as RoadRunner declares them; what is not to be declared is looked for. May be called again at any time.
 *
 * @throws {@link JobsConfigError} with the differing argument, when the broker has them with other settings, and for what is not there.
 */
export async function declareTopology(model: AmqpModel, settings: AmqpSettings, use: 'publish' | 'consume'): Promise<void> {
  const { exchange, queue, declaresQueue, exclusive } = settings;
  // An exclusive queue belongs to the connection that consumes.
  const withQueue = declaresQueue && (use === 'consume' || !exclusive);
  await explained(settings, () =>
    onChannel(model, async (channel) => {
      if (exchange.isDeclared) {
        await channel.assertExchange(exchange.name, exchange.type, { durable: exchange.durable, autoDelete: exchange.autoDelete });
      } else if (exchange.name !== DEFAULT_EXCHANGE) await channel.checkExchange(exchange.name);
      if (withQueue) {
        await assertQueue(channel, settings);
        await channel.bindQueue(queue, exchange.name, settings.routingKey);
      } else if (use === 'consume' && !declaresQueue) await channel.checkQueue(queue);
    }),
  );
}

function assertQueue(channel: AmqpChannel, settings: AmqpSettings): Promise<QueueFacts> {
  return channel.assertQueue(settings.queue, {
    durable: settings.durable,
    autoDelete: settings.queueAutoDelete,
    exclusive: settings.exclusive,
    arguments: settings.queueArguments,
  });
}

/** Turns what the broker says of a differing argument into the option that has to change. */
export async function explained<T>(settings: AmqpSettings, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explain(settings, error) ?? error;
  }
}

/** Undefined for what is nobody's settings. */
export function explain(settings: AmqpSettings, error: unknown): JobsConfigError | undefined {
  const { code, message } = error as { code?: unknown; message?: string };
  if (code === NOT_FOUND) return explainMissing(settings, message ?? '', error);
  if (code === ACCESS_REFUSED) {
    const remedy = 'Give the user of the address the right to it, or use another name.';
    return new JobsConfigError([{ path: `pipelines.${settings.pipeline}`, message: `The broker refused it: ${message}. ${remedy}` }], {
      cause: error,
    });
  }
  if (code !== PRECONDITION_FAILED || message === undefined) return undefined;
  const { argument, kind, name, asked, found } = INEQUIVALENT.exec(message)?.groups ?? {};
  if (argument === undefined || (kind !== 'queue' && kind !== 'exchange')) {
    return new JobsConfigError([{ path: `pipelines.${settings.pipeline}`, message: `The broker refused it: ${message}` }], { cause: error });
  }
  const option = OPTIONS[argument]?.[kind] ?? 'queueHeaders';
  const remedy = option === 'queueHeaders' ? `Set "${argument}" there as the broker has it` : 'Set it as the broker has it';
  return new JobsConfigError(
    [
      {
        path: optionPath(settings, option),
        message: `The broker has ${kind} "${name}" with another "${argument}": asked for was ${asked}, it is ${found}. ${remedy}, or delete the ${kind}.`,
      },
    ],
    { cause: error },
  );
}

// What is declared here and missing all the same was deleted a moment ago, and is declared again.
function explainMissing(settings: AmqpSettings, text: string, cause: unknown): JobsConfigError | undefined {
  const { kind, name } = MISSING.exec(text)?.groups ?? {};
  if (kind === undefined || (kind === 'queue' ? settings.declaresQueue : settings.exchange.isDeclared)) return undefined;
  const path = optionPath(settings, kind === 'queue' ? 'queueDeclare' : 'exchangeDeclare');
  const message = `The broker has no ${kind} "${name}", and it is not to be declared. Make it there, or leave this option out.`;
  return new JobsConfigError([{ path, message }], { cause });
}
