import { createTempFolder } from '../support/temp-folder.js';
import { endProcesses, startProcess } from './support/processes.js';

afterEach(endProcesses);

const MAX_CRASHES = 3;

describe('A job that kills its process at each run', () => {
  it('is in the failed store after maxCrashes, and the others have run', async () => {
    const dataDir = createTempFolder();
    const ran = new Set<string>();
    const start = (push: boolean) => startProcess('poison-process.mjs', { dataDir, push, maxCrashes: MAX_CRASHES });
    const note = (output: string): void => {
      for (const [, id] of output.matchAll(/^ran (\S+)/gm)) ran.add(id!);
    };
    for (let crash = 0; crash < MAX_CRASHES; crash++) {
      const victim = start(crash === 0);
      expect((await victim.ended).signal).toBe('SIGKILL');
      note(victim.output());
    }
    const survivor = start(false);
    const failed = JSON.parse((await survivor.line('failed')).slice('failed '.length)) as { error: string }[];
    expect(await survivor.ended).toEqual({ code: 0, signal: null });
    note(survivor.output());
    expect(failed).toMatchObject([{ name: 'poison', reason: 'crashed' }]);
    expect(failed[0]!.error).toContain(`ran when its process died, ${MAX_CRASHES} times`);
    expect(ran.size).toBe(20);
  }, 30_000);
});
