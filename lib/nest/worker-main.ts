import 'reflect-metadata';
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JobsConfigError } from '../contract/errors.js';
import { MODULE_VARIABLE } from '../runtime/own-program.js';

// The program of workers that `pool.module` names: the module alone, without the file that starts the application. It serves while it
// bootstraps, so nothing comes after.
const written = process.env[MODULE_VARIABLE] ?? '';
const [url = '', name = 'default'] = written.split('#');
const exported = ((await import(url)) as Readonly<Record<string, unknown>>)[name];
if (typeof exported !== 'function') {
  throw new JobsConfigError([
    { path: 'pool.module', message: `"${written}" has no export "${name}" that is a module. Write its URL, "#" and the name.` },
  ]);
}
await NestFactory.createApplicationContext(exported as Type<object>);
