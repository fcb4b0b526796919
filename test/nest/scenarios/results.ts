import { BadRequestException } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { asapScheduler, concat, defer, from, observeOn, of, throwError } from 'rxjs';
import { BrokenError, bare, fails } from './building-blocks.js';
import type { Row } from './building-blocks.js';

export const results: Row[] = [
  ['returns a value', () => bare(() => 5), { kind: 'direct', value: 5 }],
  ['returns nothing', () => bare(() => undefined), { kind: 'direct', value: undefined }],
  ['returns an object', () => bare(() => ({ sent: true })), { kind: 'direct', value: { sent: true } }],
  ['returns a promise', () => bare(async () => 5), { kind: 'direct', value: 5 }],
  [
    'returns a thenable that is no promise',
    // oxlint-disable-next-line unicorn/no-thenable -- it is what is tested
    () => bare(() => ({ then: (resolve: (value: number) => void) => resolve(6) })),
    { kind: 'direct', value: 6 },
  ],
  ['returns a stream: its last value', () => bare(() => of(1, 2, 3)), { kind: 'direct', value: 3 }],
  ['returns a stream that takes its time', () => bare(() => from([1, 2]).pipe(observeOn(asapScheduler))), { kind: 'direct', value: 2 }],
  [
    'returns a promise of a stream, which runs',
    (log) => bare(async () => defer(() => (log('subscribed'), of(4)))),
    { kind: 'direct', value: 4, log: ['subscribed'] },
  ],
  ['throws an Error', () => bare(fails(() => {})), { kind: 'direct', error: 'BrokenError: broken' }],
  ['rejects', () => bare(async () => Promise.reject(new BrokenError('late'))), { kind: 'direct', error: 'BrokenError: late' }],
  ['throws an RpcException', () => bare(fails(() => {}, new RpcException('rpc'))), { kind: 'direct', error: 'RpcException: rpc' }],
  ['throws an HttpException', () => bare(fails(() => {}, new BadRequestException('bad'))), { kind: 'direct', error: 'BadRequestException: bad' }],
  ['throws what is no Error', () => bare(fails(() => {}, 'text')), { kind: 'direct', error: 'no Error: text' }],
  [
    'returns a stream that fails',
    () => bare(() => throwError(() => new BrokenError('in stream'))),
    { kind: 'direct', error: 'BrokenError: in stream' },
  ],
  [
    'returns a stream that fails after a value',
    () =>
      bare(() =>
        concat(
          of(1),
          throwError(() => new BrokenError('then')),
        ),
      ),
    {
      kind: 'direct',
      error: 'BrokenError: then',
    },
  ],
];
