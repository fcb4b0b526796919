import { readCommonOptions } from '../config/common-options.js';
import { pathOf } from '../config/issues.js';
import type { KernelOptions } from '../config/kernel-options.js';
import { OptionBag } from '../config/option-bag.js';
import { readKernelOptions } from '../config/settings.js';
import type { RetryPolicy } from '../contract/retry-policy.js';
import { resolveRetry } from '../kernel/retry.js';

/** What the configuration says of failed jobs of a queue, for a worker that decides itself. Checked and completed as in a kernel. */
export function retryFinder(options: KernelOptions): (queue: string) => RetryPolicy {
  let policyOf: ((queue: string) => RetryPolicy) | undefined;
  return (queue) => (policyOf ??= readPolicies(options))(queue);
}

function readPolicies(options: KernelOptions): (queue: string) => RetryPolicy {
  const { settings, declarations } = readKernelOptions(options);
  const policies = new Map(
    declarations.map((declaration) => {
      const { retry } = readCommonOptions(OptionBag.of(declaration, pathOf('pipelines', declaration.name), []), []); // they were checked
      return [declaration.name, resolveRetry(retry, settings.retry)];
    }),
  );
  const others = resolveRetry(undefined, settings.retry);
  return (queue) => policies.get(queue) ?? others;
}
