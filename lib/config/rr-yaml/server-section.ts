import * as v from 'valibot';
import type { OnInitSettings, ServerSettings } from '../../contract/settings.js';
import { isAddress } from '../address.js';
import { about, closed, flag, scalar, type Schema, text } from '../schema.js';
import { goDuration } from './go-duration.js';
import { command, environment } from './values.js';

const PIPES = 'pipes';
const DEFAULT_EXEC_TIMEOUT = '60s';

/** The section `server`. */
export function serverSection(): Schema<ServerSettings> {
  const section = closed({
    command: about('Program and arguments of the workers. Text is split at single spaces; a list is taken as it is.', command()),
    user: v.optional(about('The name of the user whose rights the workers get.', text())),
    group: v.optional(about('Taken and not used, as in RoadRunner.', text())),
    env: v.optional(about('Variables of the workers. Names become upper case; also a list of maps.', environment()), {}),
    relay: v.optional(about('How the workers are spoken with: `pipes`, `tcp://host:port` or `unix://path`.', relay()), PIPES),
    onInit: v.optional(about('A program that runs once before the workers start.', onInitSection())),
  });
  return v.pipe(
    section,
    v.transform(({ command: program, user, env, relay: address, onInit }) => ({
      command: program,
      ...(user === undefined || user === '' ? {} : { user }),
      env,
      relay: address,
      ...(onInit === undefined ? {} : { onInit }),
    })),
  );
}

function onInitSection(): Schema<OnInitSettings> {
  const section = closed({
    command: about('Program and arguments.', command()),
    execTimeout: v.optional(about('Then the program is killed.', goDuration()), DEFAULT_EXEC_TIMEOUT),
    exitOnError: v.optional(about('A failure ends the start; otherwise it is only logged.', flag()), false),
    env: v.optional(about('Variables of the program.', environment()), {}),
    user: v.optional(about('The name of the user whose rights it gets.', text())),
  });
  return v.pipe(
    section,
    v.transform(({ command: program, execTimeout, exitOnError, env, user }) => ({
      command: program,
      execTimeoutMs: execTimeout,
      exitOnError,
      env,
      ...(user === undefined || user === '' ? {} : { user }),
    })),
  );
}

function relay(): Schema<string> {
  return scalar(
    '"pipes", or an address: "tcp://127.0.0.1:7000", "unix:///run/workers.sock"',
    (input) => {
      if (input === '' || input === PIPES) return PIPES;
      return typeof input === 'string' && isAddress(input) ? input : undefined;
    },
    { type: 'string', pattern: `^(?:|${PIPES}|(?:tcp|unix)://.+)$|\\$` },
  );
}
